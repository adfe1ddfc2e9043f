package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// noTime is of a hold that does not end by itself.
var noTime time.Time

// laneObject is an object of a lane that the cluster has.
type laneObject struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`

	gvr  schema.GroupVersionResource
	seen *unstructured.Unstructured
}

// The resources that a lane leaves behind or must not leave.
var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	claims      = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	appProjects = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "appprojects"}
)

// owned are the objects that a lane may have besides what Argo CD keeps, in the order
// in which they are deleted: what brings it back first.
func (r *retirer) owned() []laneObject {
	n := r.src.names
	triggers := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "triggers.tekton.dev", Version: "v1beta1", Resource: resource}
	}
	rbac := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
	}
	return []laneObject{
		{Kind: "EventListener", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: triggers("eventlisteners")},
		{Kind: "TriggerTemplate", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: triggers("triggertemplates")},
		{Kind: "TriggerBinding", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: triggers("triggerbindings")},
		{Kind: "RoleBinding", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: rbac("rolebindings")},
		{Kind: "Role", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: rbac("roles")},
		{Kind: "ClusterRoleBinding", Name: n.Trigger(), gvr: rbac("clusterrolebindings")},
		{Kind: "ClusterRole", Name: n.Trigger(), gvr: rbac("clusterroles")},
		{Kind: "ServiceAccount", Namespace: n.TektonNamespace, Name: n.Trigger(), gvr: schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}},
		{Kind: "Application", Namespace: n.ArgoNamespace, Name: n.ArgoApplication, gvr: applications},
		{Kind: "AppProject", Namespace: n.ArgoNamespace, Name: n.ArgoAppProject, gvr: appProjects},
		{Kind: "Pipeline", Namespace: n.TektonNamespace, Name: n.Pipeline, gvr: pipelines},
		{Kind: "ServiceAccount", Namespace: n.TektonNamespace, Name: n.TektonServiceAccount, gvr: schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}},
		{Kind: "PersistentVolumeClaim", Namespace: n.TektonNamespace, Name: n.CIClaim(), gvr: claims},
	}
}

// look finds the lane's objects, and refuses to end a lane that is under way or whose
// objects are not what they seem.
func (r *retirer) look(ctx context.Context) error {
	n := r.src.names
	for _, o := range r.owned() {
		there, err := r.kube.Get(ctx, o.gvr, o.Namespace, o.Name)
		if kube.IsNotFound(err) || kube.IsNoResource(err) {
			continue
		}
		if err != nil {
			return err
		}
		o.seen = there
		if err := r.mine(o); err != nil {
			return err
		}
		r.doc.Objects = append(r.doc.Objects, o)
	}
	apps, err := r.kube.List(ctx, applications, n.ArgoNamespace, kube.Selection{}, "status")
	if err != nil && !kube.IsNoResource(err) {
		return err
	}
	if err == nil {
		for _, app := range apps.Items {
			project, _, _ := unstructured.NestedString(app.Object, "spec", "project")
			if project == n.ArgoAppProject && app.GetName() != n.ArgoApplication {
				return fail.Refuse("A4", "Application "+app.GetName(), "give it a project of its own, or delete it", "it is in the lane's AppProject %s", n.ArgoAppProject)
			}
		}
	}
	return r.idle(ctx)
}

// idle refuses while a run of the lane goes on.
func (r *retirer) idle(ctx context.Context) error {
	n := r.src.names
	active, err := activeRuns(ctx, r.kube, n.TektonNamespace, pipeline.LabelProject+"="+n.Project+","+pipeline.LabelLane+"="+n.Lane)
	if kube.IsNoResource(err) || kube.IsNotFound(err) {
		return nil // without Tekton there are no runs
	}
	if err == nil && len(active) > 0 {
		return &fail.Error{Code: fail.Refused, Where: "PipelineRun " + n.TektonNamespace + "/" + active[0], Hint: "wait for it, or end it: lane release --cancel", Err: fmt.Errorf("a run of the lane goes on")}
	}
	return err
}

// activeRuns are the names of the PipelineRuns that have not ended.
func activeRuns(ctx context.Context, c *kube.Client, namespace, labels string) ([]string, error) {
	runs, err := c.List(ctx, pipelineRuns, namespace, kube.Selection{Labels: labels}, "status.pipelineSpec")
	if err != nil {
		return nil, err
	}
	var active []string
	for _, run := range runs.Items {
		if ended, _, _ := unstructured.NestedString(run.Object, "status", "completionTime"); ended == "" {
			active = append(active, run.GetName())
		}
	}
	return active, nil
}

// mine refuses an object that only has the name of the lane's, or whose end would take
// more with it (rules A1, A4).
func (r *retirer) mine(o laneObject) error {
	n, where := r.src.names, o.Kind+" "+o.Namespace+"/"+o.Name
	if labels := o.seen.GetLabels(); labels[pipeline.LabelProject] != n.Project || labels[pipeline.LabelLane] != n.Lane {
		return fail.Refuse("A4", where, "find out whose it is", "it is not labelled as lane %s's: nothing was changed", n.Lane)
	}
	if o.Kind != "Application" {
		return nil
	}
	if to, _, _ := unstructured.NestedString(o.seen.Object, "spec", "destination", "namespace"); to != n.RuntimeNamespace {
		return fail.Refuse("G3", where, "lane objects argo --apply makes it the lane's again", "its destination is %q, not %s", fail.Clean(to, 100), n.RuntimeNamespace)
	}
	if i := slices.IndexFunc(o.seen.GetFinalizers(), func(f string) bool { return strings.HasPrefix(f, "resources-finalizer.argocd.argoproj.io") }); i >= 0 {
		return fail.Refuse("H2", where, "take the finalizer off: lane does not set it", "its finalizer %s would delete the namespace with its Secrets and volumes", o.seen.GetFinalizers()[i])
	}
	return nil
}

// stays lists what a person decides about. Of Secrets only names are asked for.
func (r *retirer) stays(ctx context.Context) {
	n, d := r.src.names, &r.doc
	d.Stays = append(d.Stays, "branches "+n.SourceRef()+" and "+n.GitopsRef()+": history, and what lane gc keeps images for",
		"source worktree "+n.SourceWorktree, "Postgres database "+n.Database+", if there is one",
		"PipelineRuns "+n.PipelineRunPrefix+"*, until somebody deletes them")
	if r.kube == nil {
		d.Stays = append(d.Stays, "namespace "+n.RuntimeNamespace+", with its Secrets and volumes")
		return
	}
	for s := range strings.FieldsSeq(secretNames(ctx, r.kube, n.TektonNamespace)) {
		if strings.HasPrefix(s, n.RuntimeNamespace+"-") {
			d.Stays = append(d.Stays, "Secret "+n.TektonNamespace+"/"+s)
		}
	}
	d.Stays = append(d.Stays, "namespace "+n.RuntimeNamespace)
	for s := range strings.FieldsSeq(secretNames(ctx, r.kube, n.RuntimeNamespace)) {
		d.Stays = append(d.Stays, "Secret "+n.RuntimeNamespace+"/"+s)
	}
	if left, err := r.kube.Metadata(ctx, claims, n.RuntimeNamespace, kube.Selection{}); err == nil {
		for _, c := range left.Items {
			d.Stays = append(d.Stays, "PersistentVolumeClaim "+n.RuntimeNamespace+"/"+fail.Clean(c.Name, 100))
		}
	}
}

// pruned waits until Argo CD has taken the workloads away.
func (r *retirer) pruned(ctx context.Context, commit string) error {
	n := r.src.names
	app, err := r.kube.Get(ctx, applications, n.ArgoNamespace, n.ArgoApplication)
	if err == nil && !syncedAt(app, commit) {
		v := &verifier{app: r.app, to: r.to}
		if err := v.synced(ctx, r.src, r.kube); err != nil {
			return err
		}
		app, err = r.kube.Get(ctx, applications, n.ArgoNamespace, n.ArgoApplication)
	}
	switch {
	case kube.IsNotFound(err), kube.IsNoResource(err): // deleted before
	case err != nil:
		return err
	case !syncedAt(app, commit):
		return fail.Fail("Application "+n.ArgoApplication, "see what Argo CD says of it, then run the same command again", "Argo CD has not taken the workloads away yet: nothing was deleted")
	}
	left, err := r.kube.List(ctx, deployments, n.RuntimeNamespace, kube.Selection{})
	if err != nil {
		return err
	}
	if len(left.Items) > 0 {
		return fail.Fail("namespace "+n.RuntimeNamespace, "see who keeps them; when they are gone, run the same command again", "%d Deployments are still there, such as %s: nothing was deleted", len(left.Items), left.Items[0].GetName())
	}
	return nil
}

// remove deletes what was seen, and nothing that was made again since.
func (r *retirer) remove(ctx context.Context) error {
	if err := r.idle(ctx); err != nil {
		return err
	}
	for _, o := range r.doc.Objects {
		err := r.kube.Delete(ctx, o.gvr, o.Namespace, o.Name, o.seen.GetUID(), kube.Write{})
		if err != nil && !kube.IsNotFound(err) {
			return fmt.Errorf("deleting the %s %s: %w", o.Kind, o.Name, err)
		}
		r.app.note("deleted the %s %s/%s", o.Kind, o.Namespace, o.Name)
	}
	r.app.note("lane %s is retired: what stays is listed above", r.src.names.Lane)
	return nil
}
