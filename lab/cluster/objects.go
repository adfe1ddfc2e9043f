package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pikasTech/agentrun/lab/build"
	"github.com/pikasTech/agentrun/lab/objects"
	"github.com/pikasTech/agentrun/lab/volumes"
)

// volumeCount is how many claims can be bound at a time.
const volumeCount = 30

// objects are everything that the cluster holds from the start: the lab's own,
// and what Tekton's and Argo CD's modules publish.
func (l *Lab) objects() ([]*unstructured.Unstructured, error) {
	text, err := l.render("base.yaml")
	if err != nil {
		return nil, err
	}
	own, err := objects.Parse(text)
	if err != nil {
		return nil, err
	}
	tekton, err := l.tekton()
	if err != nil {
		return nil, err
	}
	argocd, err := l.argocd()
	if err != nil {
		return nil, err
	}
	all := slices.Concat(own, tekton, argocd)
	for i := range volumeCount {
		o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(volumes.Volume(l.path("data", "volumes"), Node, i))
		if err != nil {
			return nil, err
		}
		delete(o, "status")
		all = append(all, &unstructured.Unstructured{Object: o})
	}
	return all, nil
}

// published reads what a module publishes below a folder, by patterns.
func (l *Lab) published(module, folder string, patterns ...string) ([]*unstructured.Unstructured, error) {
	bin, err := l.binaries()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(bin.Modules[module], folder, pattern))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("reading what %s publishes: nothing is called %s/%s", module, folder, pattern)
		}
		files = append(files, found...)
	}
	return objects.Read(files...)
}

// tekton is Tekton's kinds, roles and configuration, with two flags set: its own
// containers get a security context, as the steps have, and pods of a run are
// placed without a companion, which a single node has no use for.
func (l *Lab) tekton() ([]*unstructured.Unstructured, error) {
	all, err := l.published(build.Tekton, "config",
		"100-namespace/*.yaml", "200-*.yaml", "201-*.yaml", "300-crds/*.yaml", "config-*.yaml", "500-webhooks.yaml")
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.GetKind() == "ConfigMap" && o.GetName() == "feature-flags" {
			for name, value := range map[string]string{"set-security-context": "true", "coschedule": "disabled", "running-in-environment-with-injected-sidecars": "false"} {
				if err := unstructured.SetNestedField(o.Object, value, "data", name); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// argocd is Argo CD's kinds, roles and configuration. It looks for changes every
// few seconds instead of minutes.
func (l *Lab) argocd() ([]*unstructured.Unstructured, error) {
	all, err := l.published(build.ArgoCD, "manifests",
		"crds/application-crd.yaml", "crds/applicationset-crd.yaml", "crds/appproject-crd.yaml",
		"base/application-controller-roles/argocd-*.yaml", "base/repo-server/*-sa.yaml", "base/config/argocd-*.yaml",
		"cluster-rbac/application-controller/argocd-*.yaml")
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		switch o.GetKind() {
		case "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding":
			continue
		}
		o.SetNamespace("argocd")
		switch {
		case o.GetName() == "argocd-cm":
			data := map[string]any{"timeout.reconciliation": "10s", "timeout.reconciliation.jitter": "0s"}
			if err := unstructured.SetNestedMap(o.Object, data, "data"); err != nil {
				return nil, err
			}
		case o.GetKind() == "RoleBinding":
			subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
			for _, s := range subjects {
				if subject, ok := s.(map[string]any); ok {
					subject["namespace"] = "argocd"
				}
			}
			if err := unstructured.SetNestedSlice(o.Object, subjects, "subjects"); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// apply applies all objects.
func (l *Lab) apply(ctx context.Context) error {
	all, err := l.objects()
	if err != nil {
		return err
	}
	config, err := l.RESTConfig()
	if err != nil {
		return err
	}
	applier, err := objects.NewApplier(config)
	if err != nil {
		return err
	}
	return applier.Apply(ctx, all)
}
