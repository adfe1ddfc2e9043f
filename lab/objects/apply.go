package objects

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// Manager is the field manager that objects are applied as.
const Manager = "lab"

// Applier applies objects to a cluster.
type Applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// NewApplier is an applier with the rights that config gives.
func NewApplier(config *rest.Config) (*Applier, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Applier{client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))}, nil
}

// Apply applies objects, each kind of first things before what stands on them.
func (a *Applier) Apply(ctx context.Context, all []*unstructured.Unstructured) error {
	var waves [3][]*unstructured.Unstructured
	for _, o := range all {
		waves[wave(o.GetKind())] = append(waves[wave(o.GetKind())], o)
	}
	for i, objects := range waves {
		group, each := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for _, o := range objects {
			group.Go(func() error { return a.one(each, o) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if i == 0 && len(objects) > 0 {
			a.mapper.Reset()
		}
	}
	return nil
}

func wave(kind string) int {
	switch kind {
	case "CustomResourceDefinition", "Namespace":
		return 0
	case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
		return 2
	default:
		return 1
	}
}

// one applies one object. A kind that was defined a moment ago may take a while
// until it is served, so it is asked for again.
func (a *Applier) one(ctx context.Context, o *unstructured.Unstructured) error {
	what := fmt.Sprintf("applying %s %s", o.GetKind(), o.GetName())
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; ; tries++ {
		err := a.try(ctx, o)
		if err == nil {
			return nil
		}
		again := meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err)
		if !again || tries > 100 {
			return fmt.Errorf("%s: %w", what, err)
		}
		if meta.IsNoMatchError(err) {
			a.mapper.Reset()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

func (a *Applier) try(ctx context.Context, o *unstructured.Unstructured) error {
	kind := o.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = a.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := o.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = a.client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	return err
}
