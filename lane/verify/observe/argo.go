package observe

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/verify"
)

var (
	applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}
	appProjects  = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "appprojects"}
)

// argo is what Argo CD wants.
func (s *gatherer) argo(ctx context.Context) {
	a := &s.evidence.Argo
	var all sync.WaitGroup
	all.Go(func() { s.destination(ctx) })
	if s.Kube == nil {
		a.Applications = verify.Miss[[]verify.Object](s.noKube())
	} else {
		all.Go(func() { a.Applications = s.whole(ctx, applications, s.Names.ArgoNamespace, "", "status") })
	}
	all.Wait()
}

// destination is the lane's Application and its AppProject.
func (s *gatherer) destination(ctx context.Context) {
	a := &s.evidence.Argo
	if s.Kube == nil {
		a.Application, a.AppProject = verify.Miss[verify.Object](s.noKube()), verify.Miss[verify.Object](s.noKube())
		return
	}
	var all sync.WaitGroup
	all.Go(func() { a.Application = s.get(ctx, applications, s.Names.ArgoNamespace, s.Names.ArgoApplication) })
	all.Go(func() { a.AppProject = s.get(ctx, appProjects, s.Names.ArgoNamespace, s.Names.ArgoAppProject) })
	all.Wait()
}

// get reads one object.
func (s *gatherer) get(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) verify.Seen[verify.Object] {
	o, err := s.Kube.Get(ctx, gvr, namespace, name)
	if err != nil {
		return verify.Miss[verify.Object](gap(err))
	}
	return verify.See(verify.Object(o.Object)).Asked(s.Now())
}

// syncedTree is the content that the Application is at, when that is not the
// branch's head: the branch's history is asked, without its files.
func (s *gatherer) syncedTree(ctx context.Context) {
	app, branch := s.evidence.Argo.Application, s.evidence.Gitops
	if !app.Found || !branch.Found {
		return
	}
	revision := app.Value.Text("status", "sync", "revision")
	if revision == branch.Value.Commit {
		s.evidence.Argo.SyncedTree = verify.See(branch.Value.Tree)
		return
	}
	if revision == "" {
		return
	}
	tree, err := s.treeOf(ctx, revision)
	s.evidence.Argo.SyncedTree = seen(tree, err)
}

func (s *gatherer) treeOf(ctx context.Context, revision string) (string, error) {
	if c, err := s.Repo.Commit(ctx, revision); err == nil {
		return c.Tree, nil
	}
	tree := ""
	err := s.Branch.Walk(ctx, func(c git.Commit) bool {
		if c.ID == revision {
			tree = c.Tree
		}
		return tree == ""
	})
	if err == nil && tree == "" {
		err = fmt.Errorf("%.12s is no commit of %s", revision, s.Names.GitopsBranch)
	}
	return tree, err
}
