package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Change is something that a watch saw.
type Change struct {
	Type   ChangeType
	Object *unstructured.Unstructured // nil for Synced
}

// ChangeType is what happened to the object.
type ChangeType string

// The types of changes. Set covers added and modified: who watches cannot tell them
// apart reliably, because a watch that broke off begins again with a list.
const (
	Set     ChangeType = "set"     // the object is there, and is now this
	Deleted ChangeType = "deleted" // the object is gone; this is the last that was seen
	Synced  ChangeType = "synced"  // everything that there is has been told once
)

// Pauses between two tries to go on watching.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Watch tells visit, one at a time, every object that is there and then each change,
// until visit returns an error, which is returned as it is, or ctx ends. A watch that
// breaks off is taken up where it was; when that is too long ago (410) everything is
// listed again and what is new or gone in between is told. It gives up when the
// server has been gone for c.Patience.
func (c *Client) Watch(ctx context.Context, gvr schema.GroupVersionResource, namespace string, s Selection, visit func(Change) error) error {
	w := &watcher{
		c: c, q: question{verb: "watch", gvr: gvr, namespace: namespace}, s: s, visit: visit,
		known: map[types.NamespacedName]*unstructured.Unstructured{},
	}
	pause, seen := firstPause, time.Now()
	for {
		err := w.round(ctx)
		switch {
		case w.stopped != nil:
			return w.stopped
		case ctx.Err() != nil:
			return c.explain(ctx, w.q, ctx.Err())
		}
		if w.alive {
			seen, w.alive = time.Now(), false
		}
		if w.moved {
			pause, w.moved = firstPause, false
		}
		if err != nil {
			if !IsUnreachable(err) {
				return err
			}
			if gone := time.Since(seen); gone > c.Patience {
				return &fail.Error{
					Code: fail.Failed, Hint: fail.HintOf(err),
					Err: fmt.Errorf("watching %s: the server has been gone for %s: %w", w.q, gone.Round(time.Second), err),
				}
			}
		}
		select {
		case <-ctx.Done():
			return c.explain(ctx, w.q, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		}
	}
}

// watcher is one call of Watch.
type watcher struct {
	c     *Client
	q     question
	s     Selection
	visit func(Change) error

	version string // where to go on; "" is from the beginning
	known   map[types.NamespacedName]*unstructured.Unstructured
	alive   bool  // the server has answered since this was last set to false
	moved   bool  // likewise, and there was something to tell
	stopped error // what visit returned
}

func (w *watcher) tell(t ChangeType, obj *unstructured.Unstructured) bool {
	if err := w.visit(Change{t, obj}); err != nil {
		w.stopped = err
		return false
	}
	return true
}

// round lists if it must, and watches until the stream ends. An end is no error.
func (w *watcher) round(ctx context.Context) error {
	if w.version == "" {
		if err := w.list(ctx); err != nil || w.stopped != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := time.AfterFunc(w.c.timeout, func() { cancel(errSlow) })
	o := w.s.options()
	o.ResourceVersion, o.AllowWatchBookmarks = w.version, true
	stream, err := w.c.on(w.q.gvr, w.q.namespace).Watch(ctx, o)
	if !slow.Stop() && err == nil {
		err = errSlow
	}
	if err != nil {
		return w.broken(ctx, err)
	}
	defer stream.Stop()
	w.alive = true
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-stream.ResultChan():
			if !ok {
				w.alive = true // up to now
				return nil
			}
			if err := w.take(ctx, e); err != nil || w.stopped != nil {
				return err
			}
		}
	}
}

// broken judges why a watch does not go on. Too old means to list again.
func (w *watcher) broken(ctx context.Context, err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		w.version, w.alive = "", true
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx) // explain must not take one's own end for the caller's
	}
	return w.c.explain(context.WithoutCancel(ctx), w.q, err)
}

// take handles one event of the stream.
func (w *watcher) take(ctx context.Context, e watch.Event) error {
	if e.Type == watch.Error {
		return w.broken(ctx, apierrors.FromObject(e.Object))
	}
	obj, ok := e.Object.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	w.version, w.alive, w.moved = obj.GetResourceVersion(), true, true
	key := keyOf(obj)
	switch e.Type {
	case watch.Added, watch.Modified:
		w.known[key] = obj
		w.tell(Set, obj)
	case watch.Deleted:
		delete(w.known, key)
		w.tell(Deleted, obj)
	}
	return nil
}

// list tells everything, and what went away unseen.
func (w *watcher) list(ctx context.Context) error {
	list, err := w.c.List(ctx, w.q.gvr, w.q.namespace, w.s)
	if err != nil {
		return err
	}
	w.alive, w.moved = true, true
	before := w.known
	w.known = map[types.NamespacedName]*unstructured.Unstructured{}
	for i := range list.Items {
		obj := &list.Items[i]
		key := keyOf(obj)
		w.known[key] = obj
		old := before[key]
		delete(before, key)
		if old != nil && old.GetUID() != obj.GetUID() && !w.tell(Deleted, old) {
			return nil
		}
		if (old == nil || old.GetResourceVersion() != obj.GetResourceVersion()) && !w.tell(Set, obj) {
			return nil
		}
	}
	for _, old := range before {
		if !w.tell(Deleted, old) {
			return nil
		}
	}
	w.version = list.GetResourceVersion()
	w.tell(Synced, nil)
	return nil
}

func keyOf(obj metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}
