package observe

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/verify"
)

var (
	pipelineRuns = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"}
	taskRuns     = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "taskruns"}
)

// runs are the lane's PipelineRuns.
func (s *gatherer) runs(ctx context.Context) {
	t := &s.evidence.Tekton
	if s.Kube == nil {
		g := s.noKube()
		t.Runs, t.Workloads = verify.Miss[[]verify.Object](g), verify.Miss[[]verify.Object](g)
		return
	}
	// Nothing but Tekton's pruner, if there is one, keeps them from being thousands, and
	// most of each is the Pipeline that it was made from.
	t.Runs = s.whole(ctx, pipelineRuns, s.Names.TektonNamespace,
		pipeline.LabelProject+"="+s.Names.Project+","+pipeline.LabelLane+"="+s.Names.Lane, "status.pipelineSpec")
}

// run is the one that promoted, by the trailer of the branch's head.
func (s *gatherer) run(ctx context.Context) {
	t := &s.evidence.Tekton
	switch name := s.evidence.Gitops.Value.Run(); {
	case s.Kube == nil:
		t.Run, t.TaskRuns = verify.Miss[verify.Object](s.noKube()), verify.Miss[[]verify.Object](s.noKube())
	case !s.evidence.Gitops.Found:
		t.Run, t.TaskRuns = verify.Miss[verify.Object](gap(errNoBranch)), verify.Miss[[]verify.Object](gap(errNoBranch))
	case name == "":
		// The verdict says that the commit names none.
	default:
		var all sync.WaitGroup
		all.Go(func() { t.Run = s.get(ctx, pipelineRuns, s.Names.TektonNamespace, name) })
		all.Go(func() { t.TaskRuns = s.whole(ctx, taskRuns, s.Names.TektonNamespace, "tekton.dev/pipelineRun="+name) })
		all.Wait()
	}
}

// otherTasks are the TaskRuns of all runs of the released commit, when the one that
// promoted proves too little by itself. They have the labels of their run.
func (s *gatherer) otherTasks(ctx context.Context) {
	if !s.evidence.WantsOthers() {
		return
	}
	s.evidence.Tekton.Others = s.whole(ctx, taskRuns, s.Names.TektonNamespace, fmt.Sprintf("%s=%s,%s=%s,%s=%s",
		pipeline.LabelProject, s.Names.Project, pipeline.LabelLane, s.Names.Lane, pipeline.LabelCommit, s.evidence.Gitops.Value.Catalog.SourceCommitID))
}

// workloads is what stays running in the Tekton namespace.
func (s *gatherer) workloads(ctx context.Context) {
	if s.Kube == nil {
		return // runs has said so
	}
	kinds := []kind{in("apps", "deployments", "Deployment"), in("apps", "statefulsets", "StatefulSet"), in("apps", "daemonsets", "DaemonSet"), in("batch", "cronjobs", "CronJob")}
	found := make([]verify.Seen[[]verify.Object], len(kinds))
	var all sync.WaitGroup
	for i, k := range kinds {
		all.Go(func() { found[i] = s.metadata(ctx, k, s.Names.TektonNamespace) })
	}
	all.Wait()
	objects := []verify.Object{}
	for _, f := range found {
		if !f.Found {
			s.evidence.Tekton.Workloads = f
			return
		}
		objects = append(objects, f.Value...)
	}
	s.evidence.Tekton.Workloads = verify.See(objects).Asked(s.Now())
}

// resources are those of the kinds that lane makes for Tekton.
var resources = map[string]schema.GroupVersionResource{
	"Namespace":             namespaces,
	"ServiceAccount":        {Version: "v1", Resource: "serviceaccounts"},
	"PersistentVolumeClaim": {Version: "v1", Resource: "persistentvolumeclaims"},
	"Pipeline":              {Group: "tekton.dev", Version: "v1", Resource: "pipelines"},
}

// tektonObjects are what lane makes as of the released commit, and what is there. A
// rollback leaves them as they are: then they are of where the question is asked.
func (s *gatherer) tektonObjects(ctx context.Context) {
	t := &s.evidence.Tekton
	if !s.evidence.Gitops.Found {
		t.Expected = verify.Miss[[]verify.Object](gap(errNoBranch))
		return
	}
	commit := s.evidence.Gitops.Value.Catalog.SourceCommitID
	if s.Commit != "" && s.evidence.Gitops.Value.RolledBack() {
		commit = s.Commit
	}
	made, err := s.Tekton(ctx, commit)
	if err != nil {
		t.Expected = verify.Miss[[]verify.Object](gap(err))
		return
	}
	expected := make([]verify.Object, len(made))
	t.Live = make([]verify.Seen[verify.Object], len(made))
	var all sync.WaitGroup
	for i, o := range made {
		expected[i] = o.Object
		gvr, known := resources[o.GetKind()]
		switch {
		case s.Kube == nil:
			t.Live[i] = verify.Miss[verify.Object](s.noKube())
		case !known:
			t.Live[i] = verify.Miss[verify.Object](gap(errors.New("verify does not know the kind " + o.GetKind())))
		default:
			all.Go(func() { t.Live[i] = s.get(ctx, gvr, o.GetNamespace(), o.GetName()) })
		}
	}
	all.Wait()
	t.Expected = verify.See(expected)
}
