package dispatch

import (
	"context"
	"errors"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// hands bounds how many requests to the API server are under way at once.
const hands = 8

// pass goes through everything once.
func (d *Dispatcher) pass(ctx context.Context) {
	// What is in the cluster is read before what is in the store: an attempt is
	// written before its Job is made, so a Job without an attempt has lost it.
	seen := d.cluster()
	template, err := d.Template()
	d.report(ctx, "reading the Job template", err)
	if err == nil { // else runs stay queued
		d.report(ctx, "dispatching", d.begin(ctx))
	}
	open, err := d.open(ctx)
	d.report(ctx, "reading what is open", err)
	if err != nil {
		return
	}
	d.remember(open)
	var work errgroup.Group
	work.SetLimit(hands)
	for _, a := range open {
		work.Go(func() error {
			if err := d.handle(ctx, seen, template, a); !errors.Is(err, errLater) {
				d.report(ctx, "attempt "+a.JobName, err)
			}
			return nil
		})
	}
	for _, job := range d.leftovers(seen, open) {
		since := d.orphans[job.UID]
		work.Go(func() error {
			d.report(ctx, "deleting leftover Jobs", d.clear(ctx, job, since))
			return nil
		})
	}
	_ = work.Wait() // nobody returns an error
	d.forget(open)
}

// begin takes turns until there is nothing to begin; the Jobs follow in the same pass.
func (d *Dispatcher) begin(ctx context.Context) error {
	for {
		begun, err := d.next(ctx)
		if err != nil || len(begun) == 0 {
			return err
		}
		now := d.Now()
		d.mu.Lock()
		for _, a := range begun {
			d.known[keyOf(a)] = &memory{attempt: a, state: now, beat: now, mine: true}
		}
		d.mu.Unlock()
	}
}

func (d *Dispatcher) next(ctx context.Context) ([]store.OpenAttempt, error) {
	ctx, done := d.asking(ctx)
	defer done()
	return d.Store.Next(ctx, d.MaxRunning)
}

func (d *Dispatcher) open(ctx context.Context) ([]store.OpenAttempt, error) {
	ctx, done := d.asking(ctx)
	defer done()
	return d.Store.Open(ctx)
}

// remember notes since when each attempt is as it is.
func (d *Dispatcher) remember(open []store.OpenAttempt) {
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range open {
		m := d.known[keyOf(a)]
		if m == nil {
			m = &memory{attempt: a, state: now, beat: now}
			d.known[keyOf(a)] = m
		}
		if a.State != m.attempt.State {
			m.state = now
		}
		if !a.Beat.Equal(m.attempt.Beat) {
			m.beat = now
		}
		if a.Cancelling && m.cancel.IsZero() {
			m.cancel = now
		}
		m.attempt = a
	}
}

// forget drops what is not open any more.
func (d *Dispatcher) forget(open []store.OpenAttempt) {
	still := map[key]bool{}
	for _, a := range open {
		still[keyOf(a)] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, m := range d.known {
		if !still[k] {
			delete(d.known, k)
			delete(d.said, "attempt "+m.attempt.JobName)
		}
	}
}

// lasting is how long an attempt has been as it is.
func (d *Dispatcher) lasting(m *memory) lasting {
	now := d.Now()
	t := lasting{state: now.Sub(m.state), silence: now.Sub(m.beat)}
	if !m.cancel.IsZero() {
		t.cancelling = now.Sub(m.cancel)
	}
	return t
}

// leftovers are the Jobs that nobody waits for: not even Kubernetes, which deletes
// finished ones when it is told when.
func (d *Dispatcher) leftovers(seen cluster, open []store.OpenAttempt) []*batchv1.Job {
	if !seen.synced {
		return nil
	}
	wanted := map[key]store.OpenAttempt{}
	for _, a := range open {
		wanted[keyOf(a)] = a
	}
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.deleted, func(_ types.UID, at time.Time) bool { return now.Sub(at) > maxTry })
	var all []*batchv1.Job
	orphans := map[types.UID]time.Time{}
	for _, job := range seen.jobs {
		k, ours := attemptOf(job)
		if a, ok := wanted[k]; !ours || job.DeletionTimestamp != nil || ok && (a.JobUID == "" || a.JobUID == string(job.UID)) {
			continue
		}
		if _, going := d.deleted[job.UID]; going || finished(job) && job.Spec.TTLSecondsAfterFinished != nil {
			continue
		}
		since, known := d.orphans[job.UID]
		if !known {
			since = now
		}
		orphans[job.UID] = since
		all = append(all, job)
	}
	d.orphans = orphans
	return all
}

// handle does what an open attempt needs.
func (d *Dispatcher) handle(ctx context.Context, seen cluster, template *batchv1.Job, a store.OpenAttempt) error {
	d.mu.Lock()
	m := d.known[keyOf(a)]
	d.mu.Unlock()
	t := d.lasting(m)
	if v := d.Limits.cancelled(a, t); v.lost {
		if job := seen.jobs[a.JobName]; job != nil && a.JobUID == "" {
			a.JobUID = string(job.UID) // it was made, and nobody could note it
		}
		return d.lose(ctx, a, v)
	}
	if a.State == run.Pending {
		return d.schedule(ctx, template, a, m, t)
	}
	if !seen.synced {
		return nil
	}
	if pod := podOf(a, seen.pods[a.JobUID]); pod != nil {
		m.pod = pod
	}
	if v := d.Limits.judge(a, t, seen.jobs[a.JobName], seen.pods[a.JobUID], m.pod); !v.lost {
		return nil
	}
	job, pods, err := d.look(ctx, a)
	if err != nil {
		return err
	}
	if v := d.Limits.judge(a, t, job, pods, m.pod); v.lost {
		return d.lose(ctx, a, v)
	}
	return nil
}
