package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// ready looks for what a run cannot do without, whose lack would only be seen when the
// run is out of time. What the account may not read is taken to be there.
func (r *releaser) ready(ctx context.Context) error {
	for _, look := range []func(context.Context) error{r.havePipeline, r.haveSecrets, r.placed} {
		if err := look(ctx); err != nil && !kube.IsForbidden(err) {
			return err
		}
	}
	return nil
}

func (r *releaser) havePipeline(ctx context.Context) error {
	_, err := r.kube.Get(ctx, pipelines, r.src.names.TektonNamespace, r.src.names.Pipeline)
	if kube.IsNotFound(err) {
		return &fail.Error{Code: fail.Failed, Hint: "lane objects tekton --apply", Err: fmt.Errorf("looking for the lane's Pipeline: %w", err)}
	}
	return err
}

// haveSecrets looks for the Secrets that the run's pods mount: a pod without one of
// them waits.
func (r *releaser) haveSecrets(ctx context.Context) error {
	n := r.src.names
	there, err := r.kube.Metadata(ctx, secretObjects, n.TektonNamespace, kube.Selection{})
	if err != nil {
		return fmt.Errorf("looking for the Secrets of the run: %w", err)
	}
	verbs := map[string]string{n.GitSecret(): "git", n.SigningSecret(): "signing"}
	var missing, hints []string
	for _, name := range pipeline.Secrets(r.src.intent, n) {
		if !slices.ContainsFunc(there.Items, func(o metav1.PartialObjectMetadata) bool { return o.Name == name }) {
			missing = append(missing, name)
			hints = append(hints, "lane secrets create "+verbs[name])
		}
	}
	if missing == nil {
		return nil
	}
	return fail.Fail(n.TektonNamespace, "make them with "+strings.Join(hints, " and "),
		"the run's pods mount Secrets that are not there: %s", strings.Join(missing, ", "))
}

// placed refuses Tekton's default way of placing pods. It makes an affinity assistant for
// each claim, named after one of the workspaces that are on it; the pods of tasks that use
// another one of them would wait for an assistant that nobody makes.
func (r *releaser) placed(ctx context.Context) error {
	const namespace, name, byWorkspace = "tekton-pipelines", "feature-flags", "workspaces"
	flags, err := r.kube.Get(ctx, configMaps, namespace, name)
	if kube.IsNotFound(err) {
		return nil // Tekton is installed elsewhere
	}
	if err != nil {
		return fmt.Errorf("looking at Tekton's settings: %w", err)
	}
	how, _, _ := unstructured.NestedString(flags.Object, "data", "coschedule")
	if cmp.Or(how, byWorkspace) != byWorkspace {
		return nil
	}
	return fail.Fail("ConfigMap "+namespace+"/"+name, `kubectl -n `+namespace+` patch configmap `+name+` -p '{"data":{"coschedule":"disabled"}}'`,
		"coschedule is %s: pods of the run, whose workspaces share one claim, would never be placed", byWorkspace)
}
