package dispatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/agentrun/manager/identity"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/kube"
)

var (
	jobs = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// mirror is what a watch has shown of one resource, by name.
type mirror[T any] struct {
	gvr schema.GroupVersionResource

	mu      sync.Mutex
	objects map[string]*T
	synced  bool // objects is all that there is, as far as the watch has come
}

// snapshot is what was shown; false while that is not everything.
func (m *mirror[T]) snapshot() ([]*T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.objects)), m.synced
}

// pauses between a watch that was given up and the next.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 10 * time.Second
)

// run keeps m up to date until ctx ends. It calls changed whenever there is something
// new, and trouble for what stands in the way.
func (m *mirror[T]) run(ctx context.Context, c *kube.Client, namespace string, changed func(), trouble func(error)) {
	pause := firstPause
	for ctx.Err() == nil {
		began := map[string]*T{} // of this watch, which tells everything first
		all := false
		err := c.Watch(ctx, m.gvr, namespace, kube.Selection{Labels: identity.RunLabel}, func(change kube.Change) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			objects := m.objects
			if !all {
				objects = began
			}
			switch change.Type {
			case kube.Synced:
				if !all {
					m.objects, m.synced, all = began, true, true
				}
				pause = firstPause
			case kube.Deleted:
				delete(objects, change.Object.GetName())
			case kube.Set:
				obj, err := typed[T](change.Object)
				if err != nil {
					return err
				}
				objects[change.Object.GetName()] = obj
			}
			if all {
				changed()
			}
			return nil
		})
		m.mu.Lock()
		m.synced = false
		m.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		trouble(err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		}
	}
}

func typed[T any](obj *unstructured.Unstructured) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, out); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", obj.GetKind(), obj.GetName(), err)
	}
	return out, nil
}

func untyped(job *batchv1.Job) (*unstructured.Unstructured, error) {
	job.TypeMeta = metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(job)
	if err != nil {
		return nil, fmt.Errorf("writing Job %s: %w", job.Name, err)
	}
	delete(object, "status")
	return &unstructured.Unstructured{Object: object}, nil
}

// cluster is everything of ours in the cluster, as it was at one moment.
type cluster struct {
	synced bool
	jobs   map[string]*batchv1.Job  // by name
	pods   map[string][]*corev1.Pod // by the uid of their Job
}

func (d *Dispatcher) cluster() cluster {
	c := cluster{jobs: map[string]*batchv1.Job{}, pods: map[string][]*corev1.Pod{}}
	allJobs, haveJobs := d.jobs.snapshot()
	allPods, havePods := d.pods.snapshot()
	c.synced = haveJobs && havePods
	for _, j := range allJobs {
		c.jobs[j.Name] = j
	}
	for _, p := range allPods {
		for _, o := range p.OwnerReferences {
			if o.Kind == "Job" {
				c.pods[string(o.UID)] = append(c.pods[string(o.UID)], p)
			}
		}
	}
	return c
}

// look reads an attempt's Job and pods anew; the Job is nil when it is gone.
func (d *Dispatcher) look(ctx context.Context, a store.OpenAttempt) (*batchv1.Job, []*corev1.Pod, error) {
	job, err := d.job(ctx, a.JobName)
	if err != nil {
		return nil, nil, err
	}
	selector := fmt.Sprintf("%s=%s,%s=%d", identity.RunLabel, a.RunID, identity.AttemptLabel, a.Attempt)
	list, err := d.Kube.List(ctx, pods, d.Namespace, kube.Selection{Labels: selector})
	if err != nil {
		return nil, nil, err
	}
	var all []*corev1.Pod
	for i := range list.Items {
		pod, err := typed[corev1.Pod](&list.Items[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, pod)
	}
	return job, all, nil
}

// job reads a Job; nil when there is none.
func (d *Dispatcher) job(ctx context.Context, name string) (*batchv1.Job, error) {
	obj, err := d.Kube.Get(ctx, jobs, d.Namespace, name)
	if kube.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return typed[batchv1.Job](obj)
}
