package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// resourceOf says under which resource the objects of a lane are served.
func resourceOf(o pipeline.Object) (schema.GroupVersionResource, error) {
	gvk := o.GroupVersionKind()
	plural := map[string]string{
		"Namespace": "namespaces", "ServiceAccount": "serviceaccounts", "PersistentVolumeClaim": "persistentvolumeclaims",
		"Pipeline": "pipelines", "AppProject": "appprojects", "Application": "applications",
		"Role": "roles", "RoleBinding": "rolebindings", "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
		"TriggerBinding": "triggerbindings", "TriggerTemplate": "triggertemplates", "EventListener": "eventlisteners",
	}[gvk.Kind]
	if plural == "" {
		return schema.GroupVersionResource{}, fmt.Errorf("applying the %s %s: nobody knows its resource", gvk.Kind, o.GetName())
	}
	return gvk.GroupVersion().WithResource(plural), nil
}

// applyObjects makes the cluster's objects the given ones, one after the other,
// after saying what that changes. The server itself says so, by a dry run of each.
func (a *app) applyObjects(ctx context.Context, to cluster, objects []pipeline.Object, dryRun bool) error {
	client, err := to.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	before, after := map[string][]byte{}, map[string][]byte{}
	for _, o := range objects {
		if err := a.foresee(ctx, client, o, before, after); err != nil {
			return err
		}
	}
	d, err := diff.Objects(before, after)
	if err != nil {
		return err
	}
	if err := a.emitDiff(d); err != nil {
		return err
	}
	if len(d.Objects) == 0 {
		a.note("the cluster has these objects already")
		return nil
	}
	if dryRun {
		return &fail.Error{Code: fail.Differs, Where: client.Server, Hint: "leave out --dry-run to apply them", Err: fmt.Errorf("%d objects would change", len(d.Objects))}
	}
	for _, o := range objects {
		gvr, err := resourceOf(o)
		if err != nil {
			return err
		}
		if _, err := client.Apply(ctx, gvr, o.Unstructured, kube.Write{Force: true}); err != nil {
			return fmt.Errorf("applying the %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	a.note("%d objects applied to %s", len(d.Objects), client.Server)
	return nil
}

// foresee adds an object as it is and as it would be.
func (a *app) foresee(ctx context.Context, client *kube.Client, o pipeline.Object, before, after map[string][]byte) error {
	gvr, err := resourceOf(o)
	if err != nil {
		return err
	}
	file := o.GetKind() + " " + o.GetName()
	was, err := client.Get(ctx, gvr, o.GetNamespace(), o.GetName())
	if err == nil {
		if before[file], err = declared(was); err != nil {
			return err
		}
	} else if !kube.IsNotFound(err) {
		return err
	}
	will, err := client.Apply(ctx, gvr, o.Unstructured, kube.Write{Force: true, DryRun: true})
	if kube.IsNotFound(err) { // its namespace is yet to be made
		will, err = o.Unstructured, nil
	}
	if err != nil {
		return fmt.Errorf("trying the %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	after[file], err = declared(will)
	return err
}

// declared is an object without what the server keeps of it for itself.
func declared(o *unstructured.Unstructured) ([]byte, error) {
	o = o.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "status")
	unstructured.RemoveNestedField(o.Object, "operation")
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	return canon.Marshal(o.Object) // JSON is YAML
}
