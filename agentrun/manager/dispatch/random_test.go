package dispatch

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// history is a random one: two replicas that are killed at any point, a cluster that
// does what clusters do, users, and clocks that are set.
type history struct {
	*world
	rt       *rapid.T
	of       *testing.T
	replicas [2]*replica
	runs     []string
	allowed  map[string]map[run.Reason]bool // by Job: what may be told as the cause, from what happened
	remade   map[string]int                 // by Job: how often a stranger deleted it before it was noted
}

// Whatever happens: one Job for each attempt, an end for each run, the right reason for
// each loss, no attempt too many, and no Job left behind.
func TestHistories(t *testing.T) {
	needPostgres(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{world: newWorld(rt, t), rt: rt, of: t, allowed: map[string]map[run.Reason]bool{}, remade: map[string]int{}}
		if err := h.store.PutProject(h.ctx, store.Project{Name: project, MaxRunning: 3}); err != nil {
			rt.Fatal(err)
		}
		h.config.MaxRunning = 4
		for i := range h.replicas {
			h.replicas[i] = h.start(t)
		}
		steps := []struct {
			weight int
			what   func()
		}{
			{3, h.users},
			{6, h.passes},
			{2, h.killedInAPass},
			{1, h.killed},
			{8, h.podsGetOn},
			{4, h.runnersWork},
			{1, h.stranger},
			{1, h.cluster.Forget},
			{2, h.faults},
			{3, h.time},
			{2, h.collect},
		}
		var turns []func()
		for _, s := range steps {
			turns = append(turns, slices.Repeat([]func(){s.what}, s.weight)...)
		}
		h.users()
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			turns[rapid.IntRange(0, len(turns)-1).Draw(rt, "step")]()
			h.limits()
		}
		h.comeToAnEnd()
		h.judge()
	})
}

func (h *history) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(h.rt, what) }

// users submit and cancel.
func (h *history) users() {
	if len(h.runs) < 6 && h.pick(3, "user") > 0 || len(h.runs) == 0 {
		r := h.submit(run.Request{MaxAttempts: 1 + h.pick(3, "attempts"), Deadline: 60, Priority: h.pick(3, "priority")})
		h.runs = append(h.runs, r.ID)
		return
	}
	if _, _, err := h.store.Cancel(h.ctx, project, h.runs[h.pick(len(h.runs), "run")]); err != nil {
		h.rt.Fatal(err)
	}
}

// passes of one replica, or of both at once, that may not have seen everything.
func (h *history) passes() {
	which := h.pick(3, "who")
	var both sync.WaitGroup
	for i, r := range h.replicas {
		if which != 1-i {
			both.Go(func() { r.pass(r.ctx) })
		}
	}
	both.Wait()
}

func (h *history) restart(i int) {
	h.replicas[i].end()
	h.replicas[i] = h.start(h.of)
}

func (h *history) killed() { h.restart(h.pick(2, "who")) }

// killedInAPass ends a replica at a request that changes something: before it is
// carried out, or after and before the answer.
func (h *history) killedInAPass() {
	i, left := h.pick(2, "who"), new(atomic.Int64)
	left.Store(int64(h.pick(3, "writes before")))
	victim := h.replicas[i]
	strike := func(r *http.Request) bool {
		if r.Method == http.MethodGet || left.Add(-1) >= 0 {
			return false
		}
		victim.kill()
		return true
	}
	if h.pick(2, "when") == 0 {
		h.cluster.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if strike(r) {
				panic(http.ErrAbortHandler)
			}
			return false
		})
	} else {
		h.cluster.After(func(r *http.Request) {
			if strike(r) {
				panic(http.ErrAbortHandler)
			}
		})
	}
	victim.pass(victim.ctx)
	h.cluster.Before(nil)
	h.cluster.After(nil)
	h.carriedOut()
	h.restart(i)
}

// carriedOut waits until Postgres has carried out what it was sent by somebody who did not
// wait for it: a backend whose client is gone leaves when it has done so.
func (h *history) carriedOut() {
	for range 3000 {
		var backends int32
		if err := server.pool.QueryRow(h.ctx, "select count(*) from pg_stat_activity where backend_type = 'client backend'").Scan(&backends); err != nil {
			h.rt.Fatal(err)
		}
		if backends <= server.pool.Stat().TotalConns() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.rt.Fatal("a backend of nobody goes on")
}

// faults of the API server during one pass.
func (h *history) faults() {
	kind := h.pick(4, "fault")
	h.cluster.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("watch") {
			return false
		}
		switch kind {
		case 0:
			kubetest.Status(http.StatusInternalServerError, "InternalError", "etcdserver: request timed out", "")(w, r)
		case 1:
			kubetest.Drop(w, r)
		case 2:
			time.Sleep(3 * time.Millisecond)
			return false
		case 3: // carried out, and nobody hears of it
			return false
		}
		return true
	})
	if kind == 3 {
		h.cluster.After(func(*http.Request) { panic(http.ErrAbortHandler) })
	}
	h.passes()
	h.cluster.Before(nil)
	h.cluster.After(nil)
}

// time goes by, and the store's clock may be set.
func (h *history) time() {
	h.later(time.Duration(1+h.pick(90, "seconds")) * time.Second)
	if h.pick(4, "set the clock") == 0 {
		h.wall.add(time.Duration(h.pick(7, "hours")-3) * time.Hour)
	}
}

// open reports whether a Job's attempt has not ended: what happens later explains
// nothing.
func (h *history) open(job object) bool {
	id, attempt := h.attemptOf(job)
	a, err := h.store.Attempt(h.ctx, id, attempt)
	if err != nil {
		h.rt.Fatal(err)
	}
	return a.State != run.Ended && a.State != run.Lost
}

// podsGetOn makes pods of Jobs and lets them change.
func (h *history) podsGetOn() {
	jobs := h.cluster.All("jobs")
	if len(jobs) == 0 {
		return
	}
	job := jobs[h.pick(len(jobs), "job")]
	name := field(job, "metadata", "name")
	pod := h.named("pods", name+"-abcde")
	switch {
	case pod == nil && field(job, "metadata", "deletionTimestamp") == "" && job["status"] == nil:
		h.becomes(job, podPulling)
	case pod == nil:
	case field(pod, "status", "phase") == "Pending":
		h.becomes(job, []object{podNoImage, podNoNode, podPulling, podRunning, podRunning, podRunning, podRunning, podEvicted}[h.pick(8, "pod")])
	case field(pod, "status", "phase") == "Running":
		if h.pick(3, "lives") == 0 {
			h.becomes(job, []object{podOOM, podEvicted, podDied, podDone}[h.pick(4, "end")])
		}
	case job["status"] == nil:
		h.jobEnds(job, "Failed", "BackoffLimitExceeded")
	}
}

func (h *history) becomes(job, status object) {
	h.givePod(job, status)
	if !h.open(job) {
		return
	}
	reason := run.RunnerLost // it is running, or has ended without a word
	switch fmt.Sprint(status) {
	case fmt.Sprint(podOOM), fmt.Sprint(podEvicted):
		reason = run.Evicted
	case fmt.Sprint(podNoNode):
		reason = run.Unschedulable
	case fmt.Sprint(podPulling), fmt.Sprint(podNoImage):
		reason = run.ImagePull
	}
	h.allowed[field(job, "metadata", "name")] = map[run.Reason]bool{reason: true}
}

// runnersWork lets those in running pods claim, live and finish.
func (h *history) runnersWork() {
	for _, pod := range h.cluster.All("pods") {
		if field(pod, "status", "phase") != "Running" {
			continue
		}
		switch h.pick(5, "runner") {
		case 0, 1:
			h.claim(pod)
		case 2, 3:
			h.beat(pod)
		case 4:
			ending := []run.Ending{{State: run.Succeeded}, {State: run.Failed, Reason: run.RateLimited}, {State: run.Failed, Reason: run.AgentError}, {State: run.TimedOut}}[h.pick(4, "ending")]
			h.finish(pod, ending)
		}
	}
}

// stranger deletes a Job by hand.
func (h *history) stranger() {
	jobs := h.cluster.All("jobs")
	if len(jobs) == 0 {
		return
	}
	job := jobs[h.pick(len(jobs), "job")]
	name := field(job, "metadata", "name")
	id, attempt := h.attemptOf(job)
	a, err := h.store.Attempt(h.ctx, id, attempt)
	if err != nil {
		h.rt.Fatal(err)
	}
	switch {
	case a.JobUID == "": // its attempt gets a new one, and what became of this one explains nothing
		h.remade[name]++
		delete(h.allowed, name)
	case h.open(job):
		if h.allowed[name] == nil {
			h.allowed[name] = map[run.Reason]bool{}
		}
		h.allowed[name][run.RunnerLost] = true
	}
	h.vanish(job)
}

// comeToAnEnd lets everything go well from here on.
func (h *history) comeToAnEnd() {
	for range 200 {
		h.collect()
		for _, job := range h.cluster.All("jobs") {
			pod := h.named("pods", field(job, "metadata", "name")+"-abcde")
			switch {
			case job["status"] != nil:
			case pod == nil:
				h.becomes(job, podRunning)
			case field(pod, "status", "phase") == "Running":
				h.claim(pod)
				if h.finish(pod, run.Ending{State: run.Succeeded}) {
					h.becomes(job, podDone)
				}
			case field(pod, "status", "phase") == "Succeeded":
				h.jobEnds(job, "Complete", "")
			case field(pod, "status", "phase") == "Failed":
				h.jobEnds(job, "Failed", "BackoffLimitExceeded")
			}
		}
		for _, r := range h.replicas {
			h.pass(r)
		}
		h.limits()
		if h.ended() {
			return
		}
		h.later(16 * time.Second)
	}
	for _, id := range h.runs {
		h.rt.Logf("%+v", h.get(id))
	}
	for _, job := range h.cluster.All("jobs") {
		h.rt.Logf("%v, %v", job["metadata"], job["status"])
	}
	h.rt.Fatalf("it never comes to an end")
}

// ended reports whether all runs have ended, and with them all Jobs.
func (h *history) ended() bool {
	for _, id := range h.runs {
		if !h.get(id).State.Terminal() {
			return false
		}
	}
	for _, job := range h.cluster.All("jobs") {
		if job["status"] == nil {
			return false
		}
	}
	return true
}

func (h *history) limits() {
	counts, err := h.store.OpenRuns(h.ctx)
	if err != nil {
		h.rt.Fatal(err)
	}
	if n := counts[run.Starting] + counts[run.Running]; n > 3 {
		h.rt.Fatalf("%d runs are under way at once", n)
	}
}

// judge looks at what the histories left.
func (h *history) judge() {
	for name, n := range h.cluster.Made("jobs") {
		if n > 1+h.remade[name] {
			h.rt.Errorf("%s was made %d times", name, n)
		}
	}
	rows, err := server.pool.Query(h.ctx, `select r.id::text, r.state, r.attempt, r.max_attempts, a.attempt, a.state, a.job_name, a.reason
		from runs r join attempts a on a.run_id = r.id order by r.id, a.attempt`)
	if err != nil {
		h.rt.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, job string
		var state run.State
		var last, most, attempt int
		var is run.AttemptState
		var reason run.Reason
		if err := rows.Scan(&id, &state, &last, &most, &attempt, &is, &job, &reason); err != nil {
			h.rt.Fatal(err)
		}
		switch {
		case last > most, attempt > last:
			h.rt.Errorf("%s had attempt %d of %d", id, attempt, most)
		case is != run.Ended && is != run.Lost:
			h.rt.Errorf("%s is over, and its attempt %d is %s", id, attempt, is)
		case attempt < last && !reason.Transient():
			h.rt.Errorf("%s was tried again after %s", id, reason)
		case attempt == last && state == run.Failed && reason.Transient() && attempt < most:
			h.rt.Errorf("%s was not tried again after %s", id, reason)
		case is == run.Lost && reason == "" && state != run.Cancelled:
			h.rt.Errorf("attempt %d of %s was lost without a reason", attempt, id)
		case is == run.Lost && reason != "" && !h.allowed[job][reason] && !h.neverSeen(job, reason):
			h.rt.Errorf("%s was lost for %s, but what happened was %v", job, reason, h.allowed[job])
		}
	}
	if err := rows.Err(); err != nil {
		h.rt.Fatal(err)
	}
}

// neverSeen is what may be said of a Job that no pod was ever made of.
func (h *history) neverSeen(job string, reason run.Reason) bool {
	return h.allowed[job] == nil && reason == run.Unschedulable
}
