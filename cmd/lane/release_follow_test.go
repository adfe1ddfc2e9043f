package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/release"
)

// TestFollowTellsThatTheServerIsGone: the API server ends in the middle of a run.
func TestFollowTellsThatTheServerIsGone(t *testing.T) {
	const (
		runs  = "/apis/tekton.dev/v1/namespaces/ci/pipelineruns"
		tasks = "/apis/tekton.dev/v1/namespaces/ci/taskruns"
		run   = `{"apiVersion":"tekton.dev/v1","kind":"PipelineRun","metadata":{"name":"run-1","namespace":"ci","resourceVersion":"2"},"status":{"startTime":"2026-01-02T03:04:05Z","conditions":[{"type":"Succeeded","status":"Unknown","reason":"Running"}]}}`
	)
	told := make(chan struct{}) // what there is, before the server goes
	srv := kubetest.Start(kubetest.Script{
		"GET " + runs:  {kubetest.Object(`{"kind":"PipelineRunList","apiVersion":"tekton.dev/v1","metadata":{"resourceVersion":"2"},"items":[` + run + `]}`)},
		"GET " + tasks: {kubetest.Object(`{"kind":"TaskRunList","apiVersion":"tekton.dev/v1","metadata":{"resourceVersion":"2"},"items":[]}`)},
		"WATCH " + runs: {func(w http.ResponseWriter, r *http.Request) {
			<-told
			kubetest.Status(500, "InternalError", "etcdserver: leader changed", "")(w, r)
		}},
		"WATCH " + tasks: {func(w http.ResponseWriter, r *http.Request) {
			close(told)
			kubetest.Open()(w, r)
		}},
	}, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, srv.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.Patience = time.Nanosecond
	var out bytes.Buffer
	r := releaser{app: &app{stderr: &out, stdout: &out, dir: "."}, src: &source{commit: fake.Commit(), names: names.Names{TektonNamespace: "ci"}}, kube: c}
	p, err := r.watch(t.Context(), &release.Progress{Name: "run-1", Namespace: "ci"})
	if err == nil || !strings.Contains(err.Error(), "has been gone for") || fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if p == nil || p.State != release.Running {
		t.Errorf("what was known last is lost: %+v", p)
	}
	if want := "come back with lane release --commit " + fake.Commit() + " --follow"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in %s", want, out.String())
	}
}

// TestRunDisplayOnATerminal: lines stay for what has ended, and one line is drawn again.
func TestRunDisplayOnATerminal(t *testing.T) {
	var out bytes.Buffer
	d := &runDisplay{w: &out, terminal: true, started: time.Now(), done: make(chan struct{})}
	running := &release.Progress{Name: "run-1", State: release.Running, Tasks: []release.Task{
		{Name: "prepare-source", State: release.Succeeded},
		{Name: "check", State: release.Running, Step: "vet", Started: time.Now()},
		{Name: "plan", State: release.Waiting, TaskRun: "x"},
		{Name: "publish", State: release.Waiting},
	}}
	d.changed(nil, running)
	failed := *running
	failed.State, failed.Tasks = release.Failed, append([]release.Task(nil), running.Tasks...)
	failed.Tasks[1] = release.Task{Name: "check", State: release.Failed, Reason: "Failed", Message: "see " + fake.PasswordURL()}
	d.changed(running, &failed)
	d.close()
	text := out.String()
	for _, want := range []string{"prepare-source   succeeded\n", "run-1 runs\n", "check/vet 0s, plan waits", "\r\x1b[K", "check            failed Failed: see postgres://***@"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "publish") {
		t.Errorf("it tells of a task that has not begun: %q", text)
	}
}

func TestC4_LogsThatLookLikeSecretsAreNotShown(t *testing.T) {
	for name, log := range map[string]string{"url": fake.PasswordURL(), "token": fake.GitHubToken(), "key": fake.PrivateKey()} {
		got := strings.Join(showable([]byte("before\n"+log+"\nafter\n")), "\n")
		if !strings.HasPrefix(got, "(not shown: ") || strings.Contains(got, fake.Password()) || strings.Contains(got, "before") {
			t.Errorf("%s: shown as %s", name, got)
		}
	}
	var long strings.Builder
	for i := range 100 {
		fmt.Fprintf(&long, "line %d\x1b[2J\r\n", i)
	}
	got := showable([]byte(long.String()))
	if len(got) != shownLines || got[len(got)-1] != "line 99?[2J" {
		t.Errorf("shown as %q", got)
	}
}
