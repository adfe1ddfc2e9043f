package runner

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/agentrun/codex/provider"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// setup is a runner with the given Codex and a manager that has one attempt.
func setup(t *testing.T, m *manager, program string) Config {
	t.Helper()
	model := httptest.NewServer(provider.Handler())
	t.Cleanup(model.Close)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	cfg := Config{
		ManagerURL: m.URL, TokenFile: file, Codex: program, CodexHome: codextest.Home(t, model.URL), Workspace: t.TempDir(),
		Version: "test", Reap: func(int) {}, Orphans: func() {}, HTTP: m.Client(), Now: time.Now, Timing: DefaultTiming,
	}
	cfg.Timing.Heartbeat, cfg.Timing.Retry, cfg.Timing.Patience = 20*time.Millisecond, 5*time.Millisecond, 10*time.Second
	cfg.Timing.Hello = 2 * time.Minute // a busy machine takes its time, here as above
	cfg.Env = CodexEnv(os.Environ(), cfg.CodexHome, cfg.Workspace)
	return cfg
}

// metadata is what Codex says of a model that it does not know.
const metadata = "warning | Model metadata for `told` not found. Defaulting to fallback metadata; this can degrade performance and cause issues."

// ask lets the agent ask before it leaves its sandbox.
func ask(m *manager, answer run.Decision) {
	p := &m.task.Profile
	p.ApprovalPolicy, p.Sandbox, p.Approvals = "on-request", "read-only", answer
}

// TestReal drives the real Codex through what a run can be.
func TestReal(t *testing.T) {
	program := codextest.Binary(t)
	tests := []struct {
		name, prompt string
		change       func(*manager)
		state        run.State
		reason       run.Reason
		story        []string
		final        string
		diff         string // in diff.patch
	}{
		{
			name: "a message", prompt: "hello", state: run.Succeeded, final: provider.Greeting,
			story: []string{"agent.session", metadata, "turn.started", "message | " + provider.Greeting, "turn.completed | completed"},
		},
		{
			name: "commands and a patch", prompt: "model: run echo hi\nmodel: run exit 3\nmodel: patch new.txt a line\nmodel: say done", state: run.Succeeded, final: "done",
			story: []string{
				"agent.session", metadata, "turn.started",
				"command.started | /bin/bash -lc 'echo hi' | inProgress", "command.completed | /bin/bash -lc 'echo hi' | completed | hi | 0",
				"command.started | /bin/bash -lc 'exit 3' | inProgress", "command.completed | /bin/bash -lc 'exit 3' | failed | 3",
				"file.change | completed | add WORKSPACE/new.txt", "diff | DIFF", "message | done", "turn.completed | completed",
			},
			diff: "+a line",
		},
		{
			name: "a credential that is not taken", prompt: "model: fail 401", state: run.Failed, reason: run.AuthRejected,
			story: []string{
				"agent.session", metadata, "turn.started",
				"error | Reconnecting... 1/1 | responseStreamDisconnected",
				"error | unexpected status 401 Unauthorized | httpConnectionFailed", "turn.completed | failed",
			},
		},
		{name: "too many requests", prompt: "model: fail 429", state: run.Failed, reason: run.RateLimited},
		{name: "a broken provider", prompt: "model: fail 500", state: run.Failed, reason: run.ProviderUnavailable},
		{name: "no quota", prompt: "model: fail quota", state: run.Failed, reason: run.RateLimited},
		{name: "too long a conversation", prompt: "model: fail context", state: run.Failed, reason: run.ContextExceeded},
		{name: "a stream that is cut", prompt: "model: cut", state: run.Failed, reason: run.ProviderUnavailable},
		{
			name: "cancelled while the model is silent", prompt: "model: hang", state: run.Cancelled,
			change: func(m *manager) {
				m.arrived = func(e run.RunnerEvent) { m.cancel = m.cancel || e.Type == run.TurnStarted }
			},
			story: []string{"agent.session", metadata, "turn.started", "turn.completed | interrupted"},
		},
		{
			name: "cancelled while a command runs", prompt: "model: run sleep 20", state: run.Cancelled,
			change: func(m *manager) {
				m.arrived = func(e run.RunnerEvent) { m.cancel = m.cancel || e.Type == run.CommandStarted }
			},
		},
		{
			name: "the deadline", prompt: "model: hang", state: run.TimedOut,
			change: func(m *manager) { m.task.Seconds = 8 },
		},
		{
			name: "a stall", prompt: "model: hang", state: run.Failed, reason: run.Stalled,
			change: func(m *manager) { m.task.Profile.StallSeconds = 1 },
		},
		{
			name: "a command is no stall", prompt: "model: run sleep 8\nmodel: say done", state: run.Succeeded, final: "done",
			change: func(m *manager) { m.task.Profile.StallSeconds = 6 },
		},
		{
			name: "an approval that is given", prompt: "model: ask echo asked\nmodel: say done", state: run.Succeeded, final: "done",
			change: func(m *manager) {
				ask(m, run.Accept)
			},
		},
		{
			name: "an approval that is declined", prompt: "model: ask echo asked\nmodel: say done", state: run.Succeeded, final: "done",
			change: func(m *manager) { ask(m, run.Decline) },
		},
		{
			name: "an approval that nobody may give", prompt: "model: ask echo asked\nmodel: say done", state: run.Failed, reason: run.ApprovalRequired,
			change: func(m *manager) {
				ask(m, run.Fail)
			},
		},
		{
			name: "the manager is in trouble", prompt: "model: run echo hi\nmodel: say done", state: run.Succeeded, final: "done",
			change: func(m *manager) {
				m.trouble = func(path string, nth int) int {
					return []int{503, 502, 401, 0}[min(nth-1, 3)]
				}
			},
			story: []string{
				"agent.session", metadata, "turn.started",
				"command.started | /bin/bash -lc 'echo hi' | inProgress", "command.completed | /bin/bash -lc 'echo hi' | completed | hi | 0",
				"message | done", "turn.completed | completed",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, tt.prompt)
			if tt.change != nil {
				tt.change(m)
			}
			cfg := setup(t, m, program)
			ending, err := Run(t.Context(), cfg)
			if (err == nil) != (tt.state == run.Succeeded) {
				t.Errorf("the error is %v", err)
			}
			if ending.State != tt.state || ending.Reason != tt.reason || ending.FinalMessage != tt.final {
				t.Errorf("it ends as %+v", ending)
			}
			if m.ending == nil || m.ending.State != tt.state {
				t.Errorf("the manager was told %+v", m.ending)
			}
			story := m.story()
			for i, line := range story {
				line = strings.ReplaceAll(line, cfg.Workspace, "WORKSPACE")
				if strings.HasPrefix(line, "diff | ") {
					line = "diff | DIFF"
				}
				if word, _, ok := strings.Cut(line, ": Unauthorized, url: "); ok {
					line = word + " | httpConnectionFailed"
				}
				story[i] = line
			}
			if diff := cmp.Diff(tt.story, story); diff != "" && tt.story != nil {
				t.Errorf("the story differs (-want +got):\n%s", diff)
			}
			if !strings.Contains(m.artifacts["diff.patch"], tt.diff) {
				t.Errorf("diff.patch is %q", m.artifacts["diff.patch"])
			}
			if _, err := os.Stat(filepath.Join(cfg.CodexHome, authFile)); err == nil {
				t.Error("the key's file is still there")
			}
		})
	}
}
