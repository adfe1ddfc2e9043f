package runner

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
)

func TestMain(m *testing.M) {
	if scenario := os.Getenv("FAKE_CODEX"); scenario != "" {
		os.Exit(fakecodex.Main(scenario, codextest.Key, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fake is setup with the fake as Codex.
func fake(t *testing.T, m *manager, scenario string) Config {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cfg := setup(t, m, self)
	cfg.Env = append(cfg.Env, "FAKE_CODEX="+scenario)
	return cfg
}

// TestFaults plays what the real Codex cannot be made to do.
func TestFaults(t *testing.T) {
	tests := []struct {
		scenario string
		change   func(*manager, *Config)
		state    run.State
		reason   run.Reason
		message  string // part of it
		story    []string
		code     int
	}{
		{scenario: "exit1_before_init", state: run.Failed, reason: run.ConfigInvalid, message: "failed to initialize sqlite state runtime", code: 64},
		{scenario: "slow_init", state: run.Failed, reason: run.AppServerCrashed, message: "did not answer in time", code: 1, change: func(_ *manager, c *Config) { c.Timing.Hello = 10 * time.Second }},
		{scenario: "no_account", state: run.Failed, reason: run.AuthMissing, message: "no credential", code: 64},
		{scenario: "account_error", state: run.Failed, reason: run.AuthMissing, message: "plan type is required", code: 64},
		{scenario: "bad_config", state: run.Failed, reason: run.ConfigInvalid, message: "/codex-home/config.toml:3:7: unknown configuration field", code: 64},
		{scenario: "bad_line", state: run.Succeeded, story: []string{"agent.session", "turn.started", "message | still here", "turn.completed | completed"}},
		{scenario: "endless_line", state: run.Failed, reason: run.AppServerCrashed, message: "a line of more than 64 MiB", code: 1},
		{scenario: "garbage_items", state: run.Succeeded, story: []string{
			"agent.session", "turn.started", "warning | the params of item/started are not as they should be",
			"warning | the params of item/completed are not as they should be", "agent.item",
			"warning | the params of thread/tokenUsage/updated are not as they should be", "message | still here", "turn.completed | completed",
		}},
		{scenario: "approval_zero", state: run.Succeeded, change: func(m *manager, _ *Config) { m.task.Profile.Approvals = run.Accept }, story: []string{
			"agent.session", "turn.started", "command.started | /bin/bash -lc 'echo hi' | inProgress", "approval | /bin/bash -lc 'touch x' | accept",
			"command.completed | /bin/bash -lc 'echo hi' | completed | hi | 0", `message | 0 was answered with {"decision":"accept"}`, "turn.completed | completed",
		}},
		{scenario: "elicitation", state: run.Succeeded, story: []string{
			"agent.session", "turn.started", "approval | decline", `message | "e-1" was answered with {"action":"decline","content":null}`, "turn.completed | completed",
		}},
		{scenario: "user_input", state: run.Succeeded, story: []string{
			"agent.session", "turn.started", "approval | decline", `message | 5 was answered with {"code":-32601,"message":"nobody is there to answer"}`, "turn.completed | completed",
		}},
		{scenario: "unknown_request", state: run.Succeeded, story: []string{
			"agent.session", "turn.started", `message | 4 was answered with {"code":-32601,"message":"future/request is not known here"}`, "turn.completed | completed",
		}},
		{scenario: "crash_mid_turn", state: run.Failed, reason: run.AppServerCrashed, message: "tokio-runtime-worker", code: 1, story: []string{
			"agent.session", "turn.started", "command.started | /bin/bash -lc 'echo hi' | inProgress", "command.completed | /bin/bash -lc 'echo hi' | interrupted",
		}},
		{scenario: "retry_forever", state: run.Failed, reason: run.Stalled, code: 1, change: func(m *manager, _ *Config) { m.task.Profile.StallSeconds = 1 }},
		{scenario: "interrupt_no_item_completed", state: run.Cancelled, code: 130, change: func(m *manager, _ *Config) { m.cancel = true }},
		{scenario: "interrupt_no_turn", state: run.TimedOut, code: 124, change: func(m *manager, c *Config) { m.task.Seconds, c.Timing.Patience = 0.5, 200*time.Millisecond }},
		{scenario: "deaf", state: run.TimedOut, code: 124, change: func(m *manager, c *Config) { m.task.Seconds, c.Timing.Patience = 0.5, 200*time.Millisecond }},
		{scenario: "late_item", state: run.Succeeded, change: func(_ *manager, c *Config) { c.Timing.Late = 3 * time.Second }, story: []string{
			"agent.session", "turn.started", "command.started | /bin/bash -lc 'echo hi' | inProgress", "turn.completed | completed", "command.completed | /bin/bash -lc 'echo hi' | completed | hi | 0",
		}},
		{scenario: "hang", state: run.Cancelled, code: 130, change: func(m *manager, _ *Config) {
			m.arrived = func(e run.RunnerEvent) { m.gone = m.gone || e.Type == run.TurnStarted }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, "do it")
			cfg := fake(t, m, tt.scenario)
			if tt.change != nil {
				tt.change(m, &cfg)
			}
			ending, err := Run(t.Context(), cfg)
			if ending.State != tt.state || ending.Reason != tt.reason || !strings.Contains(ending.Message, tt.message) {
				t.Errorf("it ends as %+v", ending)
			}
			if got := exitCode(err); got != tt.code {
				t.Errorf("the exit code is %d: %v", got, err)
			}
			if m.gone != (m.ending == nil) || m.ending != nil && m.ending.State != tt.state {
				t.Errorf("the manager was told %+v", m.ending)
			}
			if diff := cmp.Diff(tt.story, m.story()); diff != "" && tt.story != nil {
				t.Errorf("the story differs (-want +got):\n%s", diff)
			}
		})
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	return int(fail.CodeOf(err))
}

// TestC4_NothingKnownLeaves lets Codex repeat its credential in every way that a runner
// reports: whole, in pieces, in output, in a diff, in an item of an unknown kind, in its
// log and in its error.
func TestC4_NothingKnownLeaves(t *testing.T) {
	for name, content := range map[string]string{
		authFile:   codextest.Auth(),
		configFile: "[mcp_servers.one.env]\nA = \"" + codextest.Key + "\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, "do it")
			cfg := fake(t, m, "secrets")
			must(t, os.WriteFile(filepath.Join(cfg.CodexHome, authFile), []byte(auth), 0o600)) // another key
			must(t, os.WriteFile(filepath.Join(cfg.CodexHome, name), []byte(content), 0o600))
			nothingLeaves(t, m, cfg)
		})
	}
}

func nothingLeaves(t *testing.T, m *manager, cfg Config) {
	t.Helper()
	ending, err := Run(t.Context(), cfg)
	var everything strings.Builder
	everything.WriteString(ending.Message + ending.FinalMessage + err.Error())
	for _, e := range m.events {
		everything.WriteString("\n" + string(e.Data))
	}
	for name, text := range m.artifacts {
		everything.WriteString("\n" + name + ": " + text)
	}
	if strings.Contains(everything.String(), codextest.Key) || strings.Contains(everything.String(), codextest.Key[:12]) {
		t.Errorf("the key leaves:\n%s", everything.String())
	}
	for _, want := range []string{"codex says:\n[redacted]", "diff.patch: [redacted]"} {
		if !strings.Contains(everything.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, everything.String())
		}
	}
	if said := m.said("msg_1"); said != "the key is [redacted], I think" {
		t.Errorf("in pieces it said %q", said)
	}
}

// TestLongOutput is cut in its event and whole in an artifact.
func TestLongOutput(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	if _, err := Run(t.Context(), fake(t, m, "long_line")); err != nil {
		t.Fatal(err)
	}
	if got := len(m.artifacts["output-call_1.txt"]); got != 2<<20 {
		t.Errorf("the artifact has %d bytes", got)
	}
	for _, e := range m.events {
		if e.Type == run.CommandCompleted && !strings.Contains(string(e.Data), `"truncated":true`) {
			t.Errorf("the event does not say that it is cut: %.200s", e.Data)
		}
	}
}

// TestOutputsLeaveRoomForTheResults: an agent whose commands say much does not lose what it
// is there for, and what is missing is said.
func TestOutputsLeaveRoomForTheResults(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	if _, err := Run(t.Context(), fake(t, m, "many_outputs")); err != nil {
		t.Fatal(err)
	}
	if m.artifacts["diff.patch"] != "+a line\n" || m.artifacts["final-message.md"] != "that was much" {
		t.Errorf("diff.patch is %q, final-message.md %q", m.artifacts["diff.patch"], m.artifacts["final-message.md"])
	}
	outputs, missed := 0, 0
	for name := range m.artifacts {
		if strings.HasPrefix(name, "output-") {
			outputs++
		}
	}
	for _, line := range m.story() {
		if strings.HasPrefix(line, "warning | output-call_") && strings.Contains(line, "was not kept") {
			missed++
		}
	}
	if outputs != turnArtifacts || outputs+missed != 70 {
		t.Errorf("%d outputs are kept, of %d it is said that they are not", outputs, missed)
	}
}

// TestSIGTERM: a pod that has to go says so, and the run may be tried again.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	ctx, cancel := context.WithCancel(t.Context())
	m.arrived = func(e run.RunnerEvent) {
		if e.Type == run.TurnStarted {
			cancel()
		}
	}
	ending, err := Run(ctx, fake(t, m, "interrupt_no_item_completed"))
	if ending.State != run.Failed || ending.Reason != run.Evicted || exitCode(err) != int(Transient) {
		t.Errorf("it ends as %+v, %v", ending, err)
	}
}

// TestReapsWhileTheAgentWorks: not only at its end, which may be a day away.
func TestReapsWhileTheAgentWorks(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	ctx, cancel := context.WithCancel(t.Context())
	cfg := fake(t, m, "hang")
	cfg.Timing.Reap = time.Millisecond
	cfg.Reap = func(codex int) {
		if codex <= 0 {
			t.Errorf("codex is process %d", codex)
		}
		cancel() // or nothing ends this
	}
	if ending, _ := Run(ctx, cfg); ending.Reason != run.Evicted {
		t.Errorf("it ends as %+v", ending)
	}
}

// TestClaimRefused: a pod that speaks for nothing begins nothing.
func TestClaimRefused(t *testing.T) {
	m := newManager(t, "do it")
	m.gone = true
	ending, err := Run(t.Context(), fake(t, m, "hello"))
	if ending.State != "" || exitCode(err) != int(Transient) || m.requests["events"] > 0 {
		t.Errorf("it ends as %+v, %v", ending, err)
	}
}
