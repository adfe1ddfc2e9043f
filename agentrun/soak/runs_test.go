package soak

import (
	"bufio"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/testkit"
)

// TestRuns goes the ways of a user: each script submits runs by the command line to the
// managers, which make Jobs of them, whose runners drive a Codex.
func TestRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 8)
	t.Run("script", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/script",
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("AGENTRUN_URL", w.service.url())
				env.Setenv("AGENTRUN_TOKEN", w.token)
				env.Setenv("PATH", built.dir+":"+env.Getenv("PATH"))
				env.Setenv("HOME", env.WorkDir)
				env.Values[key{}] = w
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"exit": testkit.Exit, "capture": cmdCapture, "whole": cmdWhole, "attempts": cmdAttempts,
			},
		})
	})
	w.atRest()
	w.leaves()
}

type key struct{}

// cmdCapture (capture NAME) keeps what was printed in $NAME.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// cmdWhole (whole FILE STATE) wants the file to be events of a run, one a line, from 1
// on without a gap, whose last one is that the run is in that state.
func cmdWhole(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: whole FILE STATE")
	}
	var last run.Event
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e run.Event
		ts.Check(json.Unmarshal(lines.Bytes(), &e))
		if e.Seq != last.Seq+1 {
			ts.Fatalf("event %d is followed by %d", last.Seq, e.Seq)
		}
		last = e
	}
	ts.Check(lines.Err())
	var state run.StateData
	if last.Type != run.StateChanged || json.Unmarshal(last.Data, &state) != nil || string(state.State) != args[1] {
		ts.Fatalf("the last event is %s %s", last.Type, last.Data)
	}
}

// cmdAttempts (attempts RUN N) wants the run to have had as many attempts.
func cmdAttempts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: attempts RUN N")
	}
	w := ts.Value(key{}).(*world)
	r, err := w.store.Get(w.t.Context(), project, args[0])
	ts.Check(err)
	if got := strconv.Itoa(r.Attempt); got != args[1] {
		ts.Fatalf("it had %s attempts, not %s", got, args[1])
	}
}
