package runner

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// TestAnAttemptEndsWhoeverIsStuck: neither a manager that takes nothing nor a program
// that reads nothing can keep an attempt from its end.
func TestAnAttemptEndsWhoeverIsStuck(t *testing.T) {
	down := func(what string) func(string, int) int {
		return func(path string, _ int) int {
			if strings.HasPrefix(path, what) {
				return 503
			}
			return 0
		}
	}
	tests := []struct {
		name, scenario string
		prepare        func(*manager, *Config)
		want           map[run.State]run.Reason
		message        string
	}{
		{"no events are taken, and there are many", "torrent", func(m *manager, _ *Config) {
			m.trouble, m.task.Seconds = down("events"), 1
		}, map[run.State]run.Reason{run.TimedOut: ""}, "the deadline"},
		{"no events are taken, and the run is cancelled", "torrent", func(m *manager, _ *Config) {
			m.trouble, m.cancel = down("events"), true
		}, map[run.State]run.Reason{run.Cancelled: ""}, "cancelled"},
		// Whether the agent's end or the deadline is seen first is open.
		{"no artifact is taken", "long_line", func(m *manager, _ *Config) {
			m.trouble, m.task.Seconds = down("artifacts/"), 1
		}, map[run.State]run.Reason{run.TimedOut: "", run.Succeeded: ""}, ""},
		{"codex does not read its task, and the run is cancelled", "reads_no_task", func(m *manager, c *Config) {
			m.task.Prompt, c.Timing.Hello = strings.Repeat("a long task ", 20_000), time.Hour
			m.arrived = func(e run.RunnerEvent) { m.cancel = m.cancel || e.Type == run.AgentSession }
		}, map[run.State]run.Reason{run.Cancelled: ""}, "cancelled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, "do it")
			cfg := fake(t, m, tt.scenario)
			cfg.Timing.Farewell, cfg.Timing.Patience = time.Second, 200*time.Millisecond
			tt.prepare(m, &cfg)
			ending, _ := Run(t.Context(), cfg)
			if reason, ok := tt.want[ending.State]; !ok || reason != ending.Reason || !strings.Contains(ending.Message, tt.message) {
				t.Errorf("it ends as %+v", ending)
			}
		})
	}
}

// TestRefusedEventsEndTheAttempt: a run whose story has holes has not succeeded.
func TestRefusedEventsEndTheAttempt(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	m.refuse = func(path string) string {
		if path == "events" {
			return "invalid"
		}
		return ""
	}
	ending, err := Run(t.Context(), fake(t, m, "hang"))
	if ending.State != run.Failed || ending.Reason != run.Internal || exitCode(err) != int(Broken) || !strings.Contains(ending.Message, "as the test wants it") {
		t.Errorf("it ends as %+v, %v", ending, err)
	}
	if m.ending == nil || m.ending.Reason != run.Internal {
		t.Errorf("the manager was told %+v", m.ending)
	}
}

// TestForgedEventsEndTheAttempt: an agent can read the token of its runner. What it tells
// with it is not passed over, whether the runner has something to tell then, has nothing,
// or tells its last.
func TestForgedEventsEndTheAttempt(t *testing.T) {
	for name, tt := range map[string]struct {
		scenario  string
		heartbeat time.Duration
		when      run.EventType
		where     string
	}{
		"while events are reported": {"hang", time.Hour, run.TurnStarted, "reporting events"},
		"in silence":                {"hang", 20 * time.Millisecond, "", "giving a sign of life"},
		"with the last events":      {"hello", time.Hour, run.TurnCompleted, "reporting events"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, "do it")
			cfg := fake(t, m, tt.scenario)
			cfg.Timing.Heartbeat = tt.heartbeat
			m.arrived = func(e run.RunnerEvent) {
				if e.Type == tt.when {
					m.forged++
				}
			}
			if tt.when == "" {
				m.trouble = func(path string, _ int) int {
					if path == "heartbeat" && slices.ContainsFunc(m.events, func(e run.RunnerEvent) bool { return e.Type == run.TurnStarted }) {
						m.forged = 1
					}
					return 0
				}
			}
			ending, err := Run(t.Context(), cfg)
			if ending.State != run.Failed || ending.Reason != run.Internal || exitCode(err) != int(Broken) || !strings.Contains(ending.Message, tt.where+": somebody else reports events") {
				t.Errorf("it ends as %+v, %v", ending, err)
			}
			if m.ending == nil || m.ending.Reason != run.Internal {
				t.Errorf("the manager was told %+v", m.ending)
			}
		})
	}
}

// TestTheLogMayBeAnything: the agent can put a pipe in the place of Codex's own log, and
// opening one waits for a writer.
func TestTheLogMayBeAnything(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "rollout.jsonl")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if data, err := tailOf(pipe, 10); err == nil {
		t.Errorf("a pipe holds %q", data)
	}
}

func TestCutAlwaysGivesSomething(t *testing.T) {
	for text, want := range map[string]string{"": "", "short": "short", "中文中文": "中文", strings.Repeat("\x80", 20): strings.Repeat("\x80", 8)} {
		if got := cut(text, 8); got != want {
			t.Errorf("cut(%q) = %q, want %q", text, got, want)
		}
	}
}
