package dispatch

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// pass makes a pass of a replica that has seen everything.
func (w *world) pass(r *replica) {
	w.t.Helper()
	w.settle(r)
	r.pass(r.ctx)
}

// later lets time go by.
func (w *world) later(d time.Duration) {
	w.mono.add(d)
	w.wall.add(d)
}

func (w *world) wantJobs(names ...string) {
	w.t.Helper()
	var have []string
	for _, job := range w.cluster.All("jobs") {
		if field(job, "metadata", "deletionTimestamp") == "" {
			have = append(have, field(job, "metadata", "name"))
		}
	}
	if strings.Join(have, " ") != strings.Join(names, " ") {
		w.t.Errorf("the Jobs are %v, not %v", have, names)
	}
}

func (w *world) wantRun(id string, state run.State, reason run.Reason) run.Run {
	w.t.Helper()
	got := w.get(id)
	if got.State != state || got.Reason != reason {
		w.t.Errorf("the run is %s (%s: %s), not %s (%s)", got.State, got.Reason, got.Message, state, reason)
	}
	return got
}

func jobName(id string, attempt string) string {
	return "run-" + strings.ReplaceAll(id, "-", "") + "-" + attempt
}

func TestARunFromItsJobToItsEnd(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	managers := make(chan string, 10)
	w.cluster.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			managers <- r.URL.Query().Get("fieldManager")
		}
		return false
	})
	d := w.start(t)
	r := w.submit(run.Request{Deadline: 60})
	w.pass(d)
	w.wantJobs(jobName(r.ID, "1"))
	if got := <-managers; got != "agentrun-mgr" {
		t.Errorf("the field manager is %q", got)
	}
	job := w.named("jobs", jobName(r.ID, "1"))
	a, err := w.store.Attempt(t.Context(), r.ID, 1)
	if err != nil || a.State != run.Scheduled || a.JobUID != field(job, "metadata", "uid") {
		t.Errorf("%+v, %v", a, err)
	}
	w.wantRun(r.ID, run.Starting, "")
	pod := w.givePod(job, podRunning)
	if !w.claim(pod) {
		t.Fatal("its pod cannot claim it")
	}
	for range 20 { // longer than a silence may be
		w.later(10 * time.Second)
		if !w.beat(pod) {
			t.Fatal("its pod is not heard")
		}
		w.pass(d)
	}
	w.finish(pod, run.Ending{State: run.Succeeded})
	w.pass(d)
	w.wantRun(r.ID, run.Succeeded, "")
	w.wantJobs(jobName(r.ID, "1")) // it may leave by itself
	w.jobEnds(w.named("jobs", jobName(r.ID, "1")), "Complete", "")
	w.later(time.Hour)
	w.pass(d)
	w.wantJobs(jobName(r.ID, "1")) // Kubernetes deletes it when its time has come
}

func TestARunnerThatDoesNotLeave(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	d := w.start(t)
	r := w.submit(run.Request{})
	w.pass(d)
	pod := w.givePod(w.named("jobs", jobName(r.ID, "1")), podRunning)
	w.claim(pod)
	w.finish(pod, run.Ending{State: run.Succeeded})
	w.pass(d)
	w.later(29 * time.Second)
	w.pass(d)
	w.wantJobs(jobName(r.ID, "1"))
	w.later(time.Second)
	w.pass(d)
	w.wantJobs()
}

// The manager that began an attempt is gone before it made the Job.
func TestKilledBeforeTheJob(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	r := w.submit(run.Request{})
	if begun, err := w.store.Next(t.Context(), 10); err != nil || len(begun) != 1 {
		t.Fatalf("%+v, %v", begun, err)
	}
	d := w.start(t)
	w.pass(d)
	w.wantJobs() // whoever began it may be about to
	w.later(w.config.Limits.Adopt)
	w.pass(d)
	w.wantJobs(jobName(r.ID, "1"))
	if a, err := w.store.Attempt(t.Context(), r.ID, 1); err != nil || a.State != run.Scheduled {
		t.Errorf("%+v, %v", a, err)
	}
}

// The manager that made the Job is gone before it noted it.
func TestKilledAfterTheJob(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	first := w.start(t)
	w.settle(first)
	w.cluster.After(func(r *http.Request) {
		if r.Method == http.MethodPost {
			first.kill()
			<-r.Context().Done()
		}
	})
	r := w.submit(run.Request{})
	first.pass(first.ctx)
	first.end()
	w.wantJobs(jobName(r.ID, "1"))
	if a, err := w.store.Attempt(t.Context(), r.ID, 1); err != nil || a.State != run.Pending || a.JobUID != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	w.givePod(w.named("jobs", jobName(r.ID, "1")), podRunning)
	if w.claim(w.named("pods", jobName(r.ID, "1")+"-abcde")) {
		t.Error("a pod of a Job that nobody knows has claimed it")
	}
	w.cluster.After(nil)
	second := w.start(t)
	w.pass(second)
	w.later(w.config.Limits.Adopt)
	w.pass(second)
	if n := w.cluster.Made("jobs")[jobName(r.ID, "1")]; n != 1 {
		t.Errorf("its Job was made %d times", n)
	}
	if !w.claim(w.named("pods", jobName(r.ID, "1")+"-abcde")) {
		t.Error("its pod cannot claim it")
	}
}

func TestCancel(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	d := w.start(t)
	cancel := func(id string) {
		t.Helper()
		if _, _, err := w.store.Cancel(t.Context(), project, id); err != nil {
			t.Fatal(err)
		}
	}
	starting, working := w.submit(run.Request{}), w.submit(run.Request{})
	w.pass(d)
	pod := w.givePod(w.named("jobs", jobName(working.ID, "1")), podRunning)
	w.claim(pod)
	cancel(starting.ID)
	cancel(working.ID)
	w.pass(d)
	w.wantRun(starting.ID, run.Cancelled, "")
	w.wantRun(working.ID, run.Running, "")
	w.wantJobs(jobName(working.ID, "1"))
	w.later(31 * time.Second)
	w.beat(pod)
	w.pass(d)
	w.wantRun(working.ID, run.Cancelled, "")
	w.wantJobs()
	if w.beat(pod) {
		t.Error("its runner is still heard")
	}

	// One whose Job cannot be made.
	w.cluster.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			kubetest.Status(http.StatusInternalServerError, "InternalError", "etcd", "")(rw, r)
		}
		return r.Method == http.MethodPost
	})
	pending := w.submit(run.Request{})
	w.pass(d)
	w.wantRun(pending.ID, run.Starting, "")
	cancel(pending.ID)
	w.pass(d)
	w.wantRun(pending.ID, run.Cancelled, "")
}

func TestJobsThatAreRefused(t *testing.T) {
	needPostgres(t)
	tests := []struct {
		name   string
		answer http.HandlerFunc
		lost   bool
	}{
		{"invalid", kubetest.Status(http.StatusUnprocessableEntity, "Invalid", "spec.template: Invalid value", ""), true},
		{"a webhook", kubetest.Status(http.StatusBadRequest, "BadRequest", `admission webhook "policy.example" denied the request: no`, ""), true},
		{"not allowed", kubetest.Status(http.StatusForbidden, "Forbidden", `User "x" cannot create resource "jobs"`, ""), true},
		{"away", kubetest.Status(http.StatusInternalServerError, "InternalError", "etcd", ""), false},
		{"quota", kubetest.Status(http.StatusForbidden, "Forbidden", `jobs.batch "x" is forbidden: exceeded quota: small, requested: count/jobs.batch=1, used: count/jobs.batch=9, limited: count/jobs.batch=9`, ""), false},
		{"webhook away", kubetest.Status(http.StatusInternalServerError, "InternalError",
			`Internal error occurred: failed calling webhook "policy.example": failed to call webhook: Post "https://policy.ns.svc:443/": dial tcp 10.96.0.7:443: connect: connection refused`, ""), false},
		{"drops", kubetest.Drop, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, t)
			d := w.start(t)
			w.settle(d)
			w.cluster.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost {
					return false
				}
				tt.answer(rw, r)
				return true
			})
			r := w.submit(run.Request{MaxAttempts: 3})
			for range 8 {
				w.pass(d)
				w.wantRun(r.ID, run.Starting, "")
				w.later(16 * time.Second)
			}
			w.pass(d)
			if tt.lost {
				got := w.wantRun(r.ID, run.Failed, run.ConfigInvalid)
				if !strings.HasPrefix(got.Message, "its Job cannot be made: ") || strings.Contains(got.Message, w.cluster.URL) {
					t.Errorf("it says %q", got.Message)
				}
				return
			}
			w.later(time.Hour)
			w.pass(d)
			w.cluster.Before(nil)
			w.later(16 * time.Second)
			w.pass(d)
			w.wantRun(r.ID, run.Starting, "")
			w.wantJobs(jobName(r.ID, "1"))
		})
	}
}

func TestWithoutATemplateNothingBegins(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	runner, missing := template(t), errors.New("it is not mounted")
	w.config.Template = func() (*batchv1.Job, error) {
		if missing != nil {
			return nil, missing
		}
		return runner, nil
	}
	d := w.start(t)
	r := w.submit(run.Request{})
	w.pass(d)
	w.wantRun(r.ID, run.Queued, "")
	missing = nil
	w.pass(d)
	w.wantJobs(jobName(r.ID, "1"))
}

// Jobs of attempts that are not, or not any more, go. What is somebody else's stays.
func TestLeftovers(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	d := w.start(t)
	job := func(name string, labels object) object {
		return object{"apiVersion": "batch/v1", "kind": "Job", "metadata": object{"name": name, "namespace": testNamespace, "uid": "uid-" + name, "labels": labels}}
	}
	ours := object{"agentrun.dev/run": testRun, "agentrun.dev/attempt": "2"}
	w.cluster.Put("jobs", job(jobName(testRun, "2"), ours))
	w.cluster.Put("jobs", job("by-hand", ours))
	w.cluster.Put("jobs", job("other", object{"app": "x"}))
	w.cluster.Put("jobs", with(job(jobName(testRun, "3"), object{"agentrun.dev/run": testRun, "agentrun.dev/attempt": "3"}),
		object{"conditions": []any{object{"type": "Failed", "status": "True"}}}))
	w.pass(d)
	w.wantJobs("by-hand", "other")
}

// A pod's trouble is told once its time is over, and the next attempt begins after its
// delay.
func TestTroubleIsExplained(t *testing.T) {
	needPostgres(t)
	for _, tt := range []struct {
		name    string
		status  object
		claimed bool
		reason  run.Reason
	}{
		{"no image", podNoImage, false, run.ImagePull},
		{"no node", podNoNode, false, run.Unschedulable},
		{"silent from the start", podRunning, false, run.RunnerLost},
		{"evicted", podEvicted, true, run.Evicted},
		{"out of memory", podOOM, true, run.Evicted},
		{"killed", podDied, true, run.RunnerLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, t)
			d := w.start(t)
			r := w.submit(run.Request{MaxAttempts: 2})
			w.trouble(t, d, jobName(r.ID, "1"), tt.status, tt.claimed)
			w.wantRun(r.ID, run.Queued, tt.reason)
			w.later(5 * time.Second)
			w.collect()
			w.trouble(t, d, jobName(r.ID, "2"), tt.status, tt.claimed)
			got := w.wantRun(r.ID, run.Failed, tt.reason)
			if got.Message == "" || got.Attempt != 2 {
				t.Errorf("%+v", got)
			}
			w.collect()
			w.pass(d)
			w.wantJobs()
		})
	}
}

func (w *world) trouble(t *testing.T, d *replica, name string, status object, claimed bool) {
	t.Helper()
	w.pass(d)
	job := w.named("jobs", name)
	if job == nil {
		t.Fatalf("there is no Job %s", name)
	}
	if claimed && !w.claim(w.givePod(job, podRunning)) {
		t.Fatal("its pod cannot claim it")
	}
	w.givePod(job, status)
	w.pass(d)
	w.wantRun(w.mustRun(job), map[bool]run.State{false: run.Starting, true: run.Running}[claimed], "")
	w.later(2*time.Minute + time.Second)
	w.pass(d)
}

func (w *world) mustRun(obj object) string {
	id, _ := w.attemptOf(obj)
	return id
}
