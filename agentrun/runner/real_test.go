package runner

import (
	"context"
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
		Version: "test", Orphans: func() {}, HTTP: m.Client(), Now: time.Now, Timing: DefaultTiming,
	}
	cfg.Timing.Heartbeat, cfg.Timing.Retry, cfg.Timing.Patience = 20*time.Millisecond, 5*time.Millisecond, time.Second
	cfg.Env = CodexEnv(os.Environ(), cfg.CodexHome, cfg.Workspace)
	return cfg
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
			story: []string{"agent.session", "turn.started", "message | " + provider.Greeting, "turn.completed | completed"},
		},
		{
			name: "commands and a patch", prompt: "model: run echo hi\nmodel: run exit 3\nmodel: patch new.txt a line\nmodel: say done", state: run.Succeeded, final: "done",
			story: []string{
				"agent.session", "turn.started",
				"command.started | /bin/bash -lc 'echo hi' | inProgress", "command.completed | /bin/bash -lc 'echo hi' | completed | hi | 0",
				"command.started | /bin/bash -lc 'exit 3' | inProgress", "command.completed | /bin/bash -lc 'exit 3' | failed | 3",
				"file.change | completed | add WORKSPACE/new.txt", "diff | DIFF", "message | done", "turn.completed | completed",
			},
			diff: "+a line",
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
				story[i] = line
			}
			if diff := cmp.Diff(tt.story, story); diff != "" {
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

var _ = context.Background
