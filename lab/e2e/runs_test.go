package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// users are those who submit runs to the released manager, with a model that does what
// the prompt tells it.
type users struct {
	*stage
	program string
}

func (s *stage) users() *users {
	s.Helper()
	program, err := setting("LAB_AGENTRUN", "../../bin/agentrun")
	s.ok(err)
	model, err := setting("LAB_MODEL", "../../bin/model")
	s.ok(err)
	stop, err := s.ServeModel(s.lasting(), model)
	s.ok(err)
	s.Cleanup(stop)
	return &users{s, program}
}

// agentrun runs the users' command, which has to work.
func (u *users) agentrun(args ...string) string {
	u.Helper()
	cmd, err := u.Agentrun(u.lasting(), u.program, args...)
	u.ok(err)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := u.Lab.Run(cmd); err != nil {
		u.Fatalf("agentrun %s: %v\n%s", strings.Join(args, " "), err, words.String())
	}
	return strings.TrimSpace(out.String())
}

// submit submits a run that does these things, one after the other.
func (u *users) submit(does ...string) string {
	u.Helper()
	id := u.agentrun("submit", u.Name()+"\nmodel: "+strings.Join(does, "\nmodel: "))
	u.Cleanup(func() {
		if u.Failed() {
			u.Logf("the run: %s\nits events: %s", u.agentrun("show", id, "-o", "json"), u.agentrun("watch", id, "-o", "json"))
		}
	})
	return id
}

// shown is a run as it is now.
type shown struct {
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Attempt int    `json:"attempt"`
	LastSeq int64  `json:"lastSeq"`
}

func (u *users) show(id string) (r shown) {
	u.Helper()
	u.ok(json.Unmarshal([]byte(u.agentrun("show", id, "-o", "json")), &r))
	return r
}

// event is one that a watcher is told.
type event struct {
	Seq     int64           `json:"seq"`
	Attempt int             `json:"attempt"`
	Type    string          `json:"type"`
	Data    json.RawMessage `json:"data"`
}

// watch is a run that is watched beside the test, from now to its end.
type watch struct {
	*users
	id    string
	words bytes.Buffer
	done  chan error

	mu    sync.Mutex
	lines []byte
}

// Write takes what the watching prints.
func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, p...)
	return len(p), nil
}

func (w *watch) seen() []event {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var events []event
	for line := range bytes.Lines(w.lines) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e event
		w.ok(json.Unmarshal(line, &e))
		events = append(events, e)
	}
	return events
}

func (u *users) watch(id string) *watch {
	u.Helper()
	w := &watch{users: u, id: id, done: make(chan error, 1)}
	cmd, err := u.Agentrun(u.Context(), u.program, "watch", id, "-o", "json")
	u.ok(err)
	cmd.Stdout, cmd.Stderr = w, &w.words
	go func() { w.done <- u.Lab.Run(cmd) }()
	return w
}

// ended waits for the end of the run, and says that all its events were seen, each
// once and in order.
func (w *watch) ended() []event {
	w.Helper()
	select {
	case err := <-w.done:
		// A run that failed ends the watching with a code of its own.
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 3) {
			w.Fatalf("watching: %v\n%s", err, w.words.String())
		}
	case <-time.After(5 * time.Minute):
		w.Fatalf("the run has not ended in five minutes: %+v\n%s", w.show(w.id), w.words.String())
	}
	events := w.seen()
	w.whole(w.id, events)
	return events
}

// running waits until the run's first command runs, and gives its pod.
func (w *watch) running() (pod string) {
	w.Helper()
	w.until("the run's command runs", func() error {
		if of(w.seen(), "command.started") == "" {
			return fmt.Errorf("the run is %+v", w.show(w.id))
		}
		return nil
	})
	return w.kubectl("-n", w.Names.RuntimeNamespace, "get", "pods", "-l", "agentrun.dev/run="+w.id, "-o", "jsonpath={.items[0].metadata.name}")
}

// whole says that events are all of a run, each once and in order, and that attempts
// never go back.
func (u *users) whole(id string, events []event) {
	u.Helper()
	attempt := 0
	for i, e := range events {
		if e.Seq != int64(i+1) {
			u.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		if e.Attempt != 0 && e.Attempt < attempt {
			u.Errorf("event %d is of attempt %d, after %d", e.Seq, e.Attempt, attempt)
		}
		attempt = max(attempt, e.Attempt)
	}
	if r := u.show(id); r.LastSeq != int64(len(events)) {
		u.Errorf("the run has %d events, and %d were seen", r.LastSeq, len(events))
	}
}

// of are the events of a type, as text.
func of(events []event, kind string) string {
	var all []string
	for _, e := range events {
		if e.Type == kind {
			all = append(all, string(e.Data))
		}
	}
	return strings.Join(all, "\n")
}

// succeeds says that a run succeeded, in an attempt.
func (u *users) succeeds(id string, attempt int) {
	u.Helper()
	if r := u.show(id); r.State != "succeeded" || r.Attempt != attempt {
		u.Errorf("the run is %+v, not succeeded in attempt %d", r, attempt)
	}
}

// gone waits until nothing of a run is left running.
func (u *users) gone(id string) {
	u.Helper()
	u.until("the run's pods have ended", func() error {
		phases := strings.Fields(u.kubectl("-n", u.Names.RuntimeNamespace, "get", "pods", "-l", "agentrun.dev/run="+id, "-o", "jsonpath={.items[*].status.phase}"))
		if slices.Contains(phases, "Running") || slices.Contains(phases, "Pending") {
			return fmt.Errorf("they are %s", phases)
		}
		return nil
	})
}

// TestI8_RunsOutliveReleases: a run of the released runner succeeds; after the next
// release its pod still has the image of before, which verify knows, and a run that
// goes on through a release is not disturbed.
func TestI8_RunsOutliveReleases(t *testing.T) {
	u := theLane(t).users()
	ended := u.submit("run id -u", "patch made.txt by a run", "say done")
	if events := u.watch(ended).ended(); !strings.Contains(of(events, "artifact"), "diff.patch") {
		t.Errorf("no diff was kept: %s", of(events, "artifact"))
	}
	u.succeeds(ended, 1)
	u.accepted()

	going := u.submit("run sleep 60", "say done")
	w := u.watch(going)
	w.running()
	u.touch("agentrun-runner")
	u.touch("agentrun-mgr")
	u.released("both services changed", u.commit("runner and mgr, while a run goes on"))
	u.accepted()
	w.ended()
	u.succeeds(going, 1)
	v := u.accepted()
	known := 0
	for _, o := range v.Finding("I8").Observations {
		if strings.Contains(o.String(), "of the earlier catalog of") {
			known++
		}
	}
	if known == 0 {
		t.Errorf("verify tells of no earlier image: %+v", v.Finding("I8"))
	}
}

// TestRun_ManagerKilled: the manager's pods are killed while a run goes on; its events
// are whole, and the attempt is the first.
func TestRun_ManagerKilled(t *testing.T) {
	u := theLane(t).users()
	id := u.submit("run for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 2; done", "say done")
	w := u.watch(id)
	w.running()
	for range 2 {
		u.kubectl("-n", u.Names.RuntimeNamespace, "delete", "pods", "-l", "app.kubernetes.io/name=agentrun-mgr", "--grace-period=0", "--force")
		time.Sleep(4 * time.Second) // they come back, and are killed again
	}
	w.ended()
	u.succeeds(id, 1)
	u.accepted()
}

// TestRun_DaemonsRestarted: Postgres and then containerd go away for a while.
func TestRun_DaemonsRestarted(t *testing.T) {
	u := theLane(t).users()
	for _, daemon := range []string{"postgres", "containerd"} {
		id := u.submit("run for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 2; done", "say done")
		w := u.watch(id)
		w.running()
		start := u.stop(daemon)
		time.Sleep(5 * time.Second)
		start()
		w.ended()
		u.succeeds(id, 1)
	}
	u.accepted()
}

// TestRun_EvictedAndDeleted: an attempt whose pod is evicted, or whose Job is deleted
// by hand, is lost, for a reason; another one does the work.
func TestRun_EvictedAndDeleted(t *testing.T) {
	u := theLane(t).users()
	ns := u.Names.RuntimeNamespace
	for what, take := range map[string]func(pod string){
		"evicted": func(pod string) {
			body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pod, ns)
			u.must(u.Lab.Kubectl(u.Context(), body, "create", "--raw", "/api/v1/namespaces/"+ns+"/pods/"+pod+"/eviction", "-f", "-"))
		},
		"deleted": func(pod string) {
			u.kubectl("-n", ns, "delete", "job", u.kubectl("-n", ns, "get", "pod", pod, "-o", `jsonpath={.metadata.labels.batch\.kubernetes\.io/job-name}`), "--wait=false")
		},
	} {
		id := u.submit("run sleep 15", "say done")
		w := u.watch(id)
		take(w.running())
		events := w.ended()
		u.succeeds(id, 2)
		if states := of(events, "run.state"); !strings.Contains(states, `"reason":"`) || !strings.Contains(states, `"queued"`) {
			t.Errorf("%s: no reason is told: %s", what, states)
		}
		u.gone(id)
	}
	u.accepted()
}

// TestRun_OutOfMemory: what a command takes too much of ends the command or the
// attempt, and the run says which.
func TestRun_OutOfMemory(t *testing.T) {
	u := theLane(t).users()
	id := u.submit("run (dd if=/dev/zero of=/dev/null bs=3G count=1 iflag=fullblock); echo exit $?", "say done") // at once: Codex waits ten seconds
	events := u.watch(id).ended()
	r := u.show(id)
	switch command := of(events, "command.completed"); {
	case r.State == "succeeded" && r.Attempt == 1 && strings.Contains(command, "exit 137"): // the command alone
	case r.State == "failed" && r.Reason == "evicted_or_oom": // all of the container
	default:
		t.Errorf("the run is %+v", r)
	}
	u.gone(id)
	u.accepted()
}

// TestRun_Cancelled: a cancelled run ends as that, with its pod.
func TestRun_Cancelled(t *testing.T) {
	u := theLane(t).users()
	id := u.submit("run sleep 300", "say done")
	w := u.watch(id)
	w.running()
	u.agentrun("cancel", id)
	w.ended()
	if r := u.show(id); r.State != "cancelled" {
		t.Errorf("the run is %+v", r)
	}
	u.gone(id)
	u.accepted()
}
