package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/release"
)

// errEnded ends the watches of a run that has ended.
var errEnded = errors.New("the run has ended")

// watch follows a run until it has ended. What it knew last is returned with any
// error.
func (r *releaser) watch(ctx context.Context, p *release.Progress) (*release.Progress, error) {
	f := &follower{name: p.Name, show: newRunDisplay(r.app.stderr), tasks: map[string]*unstructured.Unstructured{}}
	defer f.show.close()
	g, watching := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.kube.Watch(watching, pipelineRuns, p.Namespace, kube.Selection{Fields: "metadata.name=" + p.Name}, f.run)
	})
	g.Go(func() error {
		return r.kube.Watch(watching, taskRuns, p.Namespace, kube.Selection{Labels: release.LabelRun + "=" + p.Name}, f.task)
	})
	g.Go(func() error {
		r.warn(watching, p.Namespace, f)
		return nil
	})
	err := g.Wait()
	if !errors.Is(err, errEnded) || ctx.Err() != nil {
		if ctx.Err() == nil && !errors.Is(err, errDeleted) {
			r.app.note("the run itself may go on; come back with %s", r.comeBack())
		}
		if errors.Is(err, errDeleted) {
			err = fail.Fail("PipelineRun "+p.Namespace+"/"+p.Name, "see who deleted it, then start another: "+r.comeBack(), "%w", err)
		}
		return f.last, err
	}
	// The tasks are told by another watch, which may be behind.
	last, err := r.look(ctx, p.Name)
	if kube.IsNotFound(err) {
		return f.last, nil
	}
	if err != nil {
		return f.last, err
	}
	f.show.changed(f.last, last)
	return last, nil
}

// follower puts together what the two watches tell.
type follower struct {
	name string
	show *runDisplay

	mu    sync.Mutex
	pr    *unstructured.Unstructured
	known bool // the tasks that there are have been told
	tasks map[string]*unstructured.Unstructured
	last  *release.Progress
}

var errDeleted = errors.New("the run was deleted while it was followed")

// run takes a change of the PipelineRun.
func (f *follower) run(c kube.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case c.Type == kube.Set:
		f.pr = c.Object
		return f.judge()
	case c.Type == kube.Deleted, f.pr == nil: // or not there at all
		return errDeleted
	}
	return nil
}

// task takes a change of one of its TaskRuns.
func (f *follower) task(c kube.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch c.Type {
	case kube.Set:
		f.tasks[c.Object.GetName()] = c.Object
	case kube.Deleted:
		delete(f.tasks, c.Object.GetName())
	case kube.Synced:
		f.known = true
	}
	return f.judge()
}

func (f *follower) judge() error {
	if f.pr == nil || !f.known {
		return nil
	}
	all := make([]*unstructured.Unstructured, 0, len(f.tasks))
	for _, t := range f.tasks {
		all = append(all, t)
	}
	p, err := release.Judge(f.pr, all)
	if err != nil {
		return err
	}
	f.show.changed(f.last, p)
	if f.last = p; p.State.Ended() {
		return errEnded
	}
	return nil
}

// warnEvery is how often pods that do not start are looked at.
const warnEvery = 5 * time.Second

// warn tells why pods do not start: a Secret or an image that is missing stands in
// their events alone. Events that cannot be read are not worth ending for.
func (r *releaser) warn(ctx context.Context, namespace string, f *follower) {
	told := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(warnEvery):
		}
		for _, t := range f.waiting() {
			events, err := r.kube.Events(ctx, namespace, "Pod", t.Pod)
			if err != nil {
				continue
			}
			for _, e := range events {
				if key := e.Name + "\x00" + e.Reason + "\x00" + e.Message; e.Warning && !told[key] {
					told[key] = true
					f.show.tell(f.name, release.Change{Task: t.Name, State: t.State, Pod: t.Pod, Reason: e.Reason, Message: e.Message})
				}
			}
		}
	}
}

// waiting are the tasks whose pods have not started.
func (f *follower) waiting() []release.Task {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []release.Task
	if f.last != nil {
		for _, t := range f.last.Tasks {
			if t.State == release.Waiting && t.Pod != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// pointers are a list's items.
func pointers(list *unstructured.UnstructuredList) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out
}
