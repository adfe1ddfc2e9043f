package netpolicy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Follow applies the rendered policies whenever a policy, a pod or a namespace
// changes, until ctx ends. daemons are programs of the node that stand where a real
// cluster has pods, with the labels and the address of those.
func Follow(ctx context.Context, client kubernetes.Interface, daemons []*corev1.Pod, apply func(script string) error) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	defer factory.Shutdown()
	policies := factory.Networking().V1().NetworkPolicies()
	namespaces := factory.Core().V1().Namespaces()
	pods := factory.Core().V1().Pods()

	changed := make(chan struct{}, 1)
	note := func(any) {
		select {
		case changed <- struct{}{}:
		default: // a change is noted already
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: note, DeleteFunc: note, UpdateFunc: func(_, now any) { note(now) }}
	for _, informer := range []cache.SharedIndexInformer{policies.Informer(), namespaces.Informer(), pods.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("following network policies: %w", err)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	last := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		// The listers never fail: they read memory.
		p, _ := policies.Lister().List(labels.Everything())
		n, _ := namespaces.Lister().List(labels.Everything())
		q, _ := pods.Lister().List(labels.Everything())
		script := Render(p, n, append(daemons, q...))
		if script == last {
			continue
		}
		if err := apply(script); err != nil {
			slog.Error("applying network policies", "error", err)
			time.AfterFunc(time.Second, func() { note(nil) })
			continue
		}
		last = script
		slog.Info("network policies applied", "policies", len(p), "pods", len(q))
	}
}
