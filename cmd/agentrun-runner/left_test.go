package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/agentrun/codex/provider"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// TestNothingIsLeftRunning runs the program as a pod does, with the real Codex, whose
// agent starts what outlives its commands, and Codex itself.
func TestNothingIsLeftRunning(t *testing.T) {
	program := codextest.Binary(t)
	const mark = "86399.25" // seconds that nobody else sleeps
	var ending run.Ending
	var next atomic.Int64
	next.Store(1)
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer := any(run.Receipt{NextEvent: next.Load()})
		switch r.URL.Path {
		case "/runner/v1/events":
			var report run.Report
			if err := json.Unmarshal(body, &report); err != nil {
				t.Error(err)
			}
			next.Store(report.First + int64(len(report.Events)))
			answer = run.Receipt{NextEvent: next.Load()}
		case "/runner/v1/claim":
			answer = run.Assignment{
				RunID: "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f", Attempt: 1, Profile: run.DefaultProfile(), Seconds: 600, NextEvent: 1,
				Prompt: "model: run (setsid sleep " + mark + " &); (nohup sleep " + mark + " >/dev/null 2>&1 &); echo started\nmodel: say done",
			}
		case "/runner/v1/finish":
			if err := json.Unmarshal(body, &ending); err != nil {
				t.Error(err)
			}
		}
		data, err := json.Marshal(answer)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(data)
	}))
	defer manager.Close()
	model := httptest.NewServer(provider.Handler())
	defer model.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a-token-of-the-pod"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "run", "--workspace", t.TempDir(), "--codex", program)
	cmd.Env = []string{
		"RUNNER_UNDER_TEST=1", "AGENTRUN_MANAGER_URL=" + manager.URL, "AGENTRUN_TOKEN_FILE=" + token,
		"CODEX_HOME=" + codextest.Home(t, model.URL), "PATH=" + os.Getenv("PATH"),
	}
	out, err := cmd.CombinedOutput()
	if err != nil || ending.State != run.Succeeded || ending.FinalMessage != "done" {
		t.Fatalf("it ends as %+v, %v\n%s", ending, err, out)
	}
	// What was killed may take a moment to be gone.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		left := withArgument(t, mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v are left running", left)
		}
	}
}

// withArgument lists the processes that have an argument of their command line.
func withArgument(t *testing.T, argument string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no /proc: %v", err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && bytes.Contains(line, []byte("\x00"+argument+"\x00")) {
			found = append(found, file+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
