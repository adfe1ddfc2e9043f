package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
)

// maxTry is the longest pause between two tries to make a Job.
const maxTry = 15 * time.Second

// errLater is that there is nothing to do yet, and so nothing to say.
var errLater = errors.New("it is not time yet")

// refused is that the cluster, or the template, does not let the Job be.
type refused struct{ error }

// schedule makes the Job of a pending attempt and notes it. An attempt that another
// replica began is left to it for a moment. One whose Job is refused for too long is
// lost; while the cluster cannot be asked, or refuses it for a while only, it waits.
func (d *Dispatcher) schedule(ctx context.Context, template *batchv1.Job, a store.OpenAttempt, m *memory, t lasting) error {
	if template == nil || d.Now().Before(m.next) || !m.mine && t.state < d.Limits.Adopt {
		return errLater
	}
	job, err := d.provide(ctx, template, a)
	if err != nil {
		return d.notMade(ctx, a, m, err)
	}
	m.refused = time.Time{}
	if job == nil {
		return nil // another one of its name is about to go
	}
	asking, done := d.asking(ctx)
	err = d.Store.Scheduled(asking, a.RunID, a.Attempt, string(job.UID))
	done()
	if errors.Is(err, run.ErrSuperseded) || errors.Is(err, store.ErrNotFound) {
		return d.remove(ctx, job) // it came too late
	}
	return err
}

// notMade waits longer for the next try, or gives up what is refused for too long.
func (d *Dispatcher) notMade(ctx context.Context, a store.OpenAttempt, m *memory, err error) error {
	now := d.Now()
	m.next = now.Add(min(maxTry, time.Second<<min(m.tries, 10)))
	m.tries++
	no, ok := errors.AsType[refused](err)
	switch {
	case !ok:
		m.refused = time.Time{}
	case m.refused.IsZero():
		m.refused = now
	case now.Sub(m.refused) > d.Limits.Start:
		why := no.error
		if e, ok := errors.AsType[*fail.Error](why); ok {
			why = e.Err // without the API server's address, which is not the user's
		}
		return d.lose(ctx, a, verdict{true, run.ConfigInvalid, "its Job cannot be made: " + fail.Clean(why.Error(), 500)})
	}
	return err
}

// provide gives the attempt's Job, made now or there already; nil while one that is being
// deleted has its name.
func (d *Dispatcher) provide(ctx context.Context, template *batchv1.Job, a store.OpenAttempt) (*batchv1.Job, error) {
	wanted, err := Manifest(template, a, d.Namespace, d.ManagerURL)
	if err != nil {
		return nil, refused{err}
	}
	obj, err := untyped(wanted)
	if err != nil {
		return nil, refused{err}
	}
	made, err := d.Kube.Create(ctx, jobs, obj, kube.Write{})
	switch {
	case err == nil:
		return typed[batchv1.Job](made)
	case kube.IsPassing(err):
		return nil, err
	case kube.IsDenied(err), kube.IsForbidden(err), kube.IsNotFound(err):
		return nil, refused{err}
	case !kube.IsAlreadyExists(err):
		return nil, err
	}
	job, err := d.job(ctx, a.JobName)
	if err != nil || job == nil || job.DeletionTimestamp != nil {
		return nil, err
	}
	if k, ours := attemptOf(job); !ours || k != keyOf(a) {
		return nil, refused{fmt.Errorf("a Job %s that is not ours is there already", a.JobName)}
	}
	return job, nil
}

// lose ends the attempt, and then its Job.
func (d *Dispatcher) lose(ctx context.Context, a store.OpenAttempt, v verdict) error {
	asking, done := d.asking(ctx)
	state, err := d.Store.Lose(asking, a, v.reason, v.message)
	done()
	if errors.Is(err, run.ErrSuperseded) {
		return nil // it is not as it was: the next pass looks again
	}
	if err != nil {
		return err
	}
	d.Log.Info("an attempt has ended without its runner", "run", a.RunID, "attempt", a.Attempt, "reason", string(v.reason), "runState", string(state), "why", v.message)
	return d.delete(ctx, a.JobName, types.UID(a.JobUID))
}

// clear deletes a Job whose attempt is not open since then. A runner that has said how
// the attempt ended may leave by itself.
func (d *Dispatcher) clear(ctx context.Context, job *batchv1.Job, since time.Time) error {
	if k, _ := attemptOf(job); !finished(job) && d.Now().Sub(since) < d.Limits.Exit {
		asking, done := d.asking(ctx)
		a, err := d.Store.Attempt(asking, k.runID, k.attempt)
		done()
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case a.State == run.Ended && a.JobUID == string(job.UID):
			return nil
		}
	}
	return d.remove(ctx, job)
}

// remove deletes exactly that Job.
func (d *Dispatcher) remove(ctx context.Context, job *batchv1.Job) error {
	d.Log.Info("deleting a Job that nobody waits for", "job", job.Name)
	return d.delete(ctx, job.Name, job.UID)
}

// delete removes a Job after its pods. That it is gone, or another one by now, is no
// error.
func (d *Dispatcher) delete(ctx context.Context, name string, uid types.UID) error {
	if uid == "" {
		return nil // nobody knows of one; a Job that was made unseen is a leftover
	}
	err := d.Kube.Delete(ctx, jobs, d.Namespace, name, uid, kube.Write{Last: true})
	if err != nil && !kube.IsNotFound(err) && !kube.IsConflict(err) {
		return err
	}
	d.mu.Lock()
	d.deleted[uid] = d.Now()
	d.mu.Unlock()
	return nil
}
