package dispatch

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// loop is a replica as it really runs. Its ticker never ticks: what it does, it does
// because something happened.
func (w *world) loop(of *testing.T) *replica {
	w.t.Helper()
	w.config.Every, w.config.Now = time.Hour, time.Now
	r := w.start(of)
	r.kill() // Run watches by itself
	r.gone.Wait()
	ctx, stop := context.WithCancel(w.ctx)
	r.ctx, r.kill = ctx, stop
	r.gone.Go(func() { r.Run(ctx) })
	w.t.Cleanup(r.end)
	return r
}

// until waits for something that must come.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for range 30_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("it never came to this: %s", what)
}

func TestRunActsOnWhatHappens(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	d := w.loop(t)
	w.store.Changed = func(string) { d.Wake() } // as the manager does
	r := w.submit(run.Request{MaxAttempts: 2})
	w.until("a Job", func() bool { return w.named("jobs", jobName(r.ID, "1")) != nil })
	w.until("its uid", func() bool {
		a, err := w.store.Attempt(t.Context(), r.ID, 1)
		return err == nil && a.State == run.Scheduled
	})
	w.givePod(w.named("jobs", jobName(r.ID, "1")), podEvicted)
	w.until("another try", func() bool { return w.get(r.ID).State == run.Queued })
	w.wantRun(r.ID, run.Queued, run.Evicted)
	w.wall.add(5 * time.Second)
	d.Wake()
	w.until("another Job", func() bool { return w.named("jobs", jobName(r.ID, "2")) != nil })
	w.until("its uid", func() bool {
		a, err := w.store.Attempt(t.Context(), r.ID, 2)
		return err == nil && a.State == run.Scheduled
	})
	if _, _, err := w.store.Cancel(t.Context(), project, r.ID); err != nil {
		t.Fatal(err)
	}
	w.until("the end", func() bool { return w.get(r.ID).State == run.Cancelled })
	w.until("no Job", func() bool { w.collect(); return len(w.cluster.All("jobs")) == 0 })
}

// Replicas that run at once, on a cluster that is slow and sometimes away, make each
// Job once and no more than may be at once.
func TestReplicasRunAtOnce(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	const all, limit = 30, 5
	w.config.MaxRunning = limit + 1
	var mu sync.Mutex
	n := 0
	w.cluster.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("watch") {
			return false
		}
		mu.Lock()
		n++
		turn := n
		mu.Unlock()
		time.Sleep(time.Duration(turn%7) * time.Millisecond)
		if turn%11 == 0 {
			kubetest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "busy", "")(rw, r)
			return true
		}
		return false
	})
	w.config.Limits.Adopt = time.Millisecond // no patience: they must get in each other's way
	replicas := []*replica{w.loop(t), w.loop(t)}
	w.store.Changed = func(string) {
		for _, r := range replicas {
			r.Wake()
		}
	}
	if err := w.store.PutProject(t.Context(), store.Project{Name: project, MaxRunning: limit}); err != nil {
		t.Fatal(err)
	}
	for range all {
		w.submit(run.Request{})
	}
	w.until("the end of all runs", func() bool {
		counts, err := w.store.OpenRuns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if counts[run.Starting]+counts[run.Running] > limit {
			t.Errorf("under way at once: %v", counts)
		}
		for _, job := range w.cluster.All("jobs") {
			if pod := w.givePod(job, podRunning); w.claim(pod) && w.finish(pod, run.Ending{State: run.Succeeded}) {
				w.givePod(job, podDone)
				w.jobEnds(job, "Complete", "")
			}
		}
		for _, r := range replicas {
			r.Wake() // what failed is tried again on time
		}
		return counts[run.Starting]+counts[run.Running]+counts[run.Queued] == 0
	})
	made := w.cluster.Made("jobs")
	for name, n := range made {
		if n != 1 || !strings.HasSuffix(name, "-1") {
			t.Errorf("%s was made %d times", name, n)
		}
	}
	if len(made) != all {
		t.Errorf("%d Jobs were made", len(made))
	}
}

// Postgres restarts under two replicas: what it confirmed is there, what it did not is
// done again.
func TestPostgresRestarts(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	w.config.Limits.Adopt = 10 * time.Millisecond
	replicas := []*replica{w.loop(t), w.loop(t)}
	var ids []string
	for range 10 {
		ids = append(ids, w.submit(run.Request{MaxAttempts: 1}).ID)
	}
	restarts := 0
	w.until("the end of all runs", func() bool {
		for _, job := range w.cluster.All("jobs") {
			if id, attempt := w.attemptOf(job); restarts < 3 && attempt == 1 && id == ids[3*restarts] {
				restarts++
				if err := server.Stop(); err != nil {
					t.Fatal(err)
				}
				for _, r := range replicas {
					r.Wake()
				}
				if err := server.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if pod := w.givePod(job, podRunning); w.claim(pod) && w.finish(pod, run.Ending{State: run.Succeeded}) {
				w.jobEnds(job, "Complete", "")
			}
		}
		for _, r := range replicas {
			r.Wake()
		}
		counts, err := w.store.OpenRuns(t.Context())
		if err != nil && !store.Unavailable(err) {
			t.Fatal(err)
		}
		return err == nil && counts[run.Starting]+counts[run.Running]+counts[run.Queued] == 0
	})
	for _, id := range ids {
		w.wantRun(id, run.Succeeded, "")
		if n := w.cluster.Made("jobs")[jobName(id, "1")]; n != 1 {
			t.Errorf("the Job of %s was made %d times", id, n)
		}
	}
	if restarts != 3 {
		t.Errorf("Postgres restarted %d times", restarts)
	}
}
