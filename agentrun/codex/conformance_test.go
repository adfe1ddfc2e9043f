package codex_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/codex/provider"
)

func TestMain(m *testing.M) {
	if scenario := os.Getenv("FAKE_CODEX"); scenario != "" {
		os.Exit(fakecodex.Main(scenario, "", os.Args[1:]))
	}
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write down what the real program says")

// conversations are what both programs are led through. Each has its transcript in
// testdata: a line for each kind of message, with the members that it has.
var conversations = []struct {
	scenario, prompt string
	approvals        bool   // the agent asks, and is allowed
	interruptAt      string // the message at which its turn is interrupted
}{
	{scenario: "hello", prompt: "hello"},
	{scenario: "exec", prompt: "model: run echo hi\nmodel: say done"},
	{scenario: "patch", prompt: "model: patch new.txt a line\nmodel: say done"},
	{scenario: "approval_zero", prompt: "model: ask echo hi\nmodel: say done", approvals: true},
	{scenario: "hang", prompt: "model: hang", interruptAt: codex.TurnStarted},
	{scenario: "fail_401", prompt: "model: fail 401"},
	{scenario: "cut", prompt: "model: cut"},
}

func transcript(scenario string) string { return filepath.Join("testdata", scenario+".txt") }

// TestTheRealOneSaysWhatIsWrittenDown: a Codex that speaks otherwise is seen here first.
func TestTheRealOneSaysWhatIsWrittenDown(t *testing.T) {
	program := codextest.Binary(t)
	model := httptest.NewServer(provider.Handler())
	defer model.Close()
	for _, c := range conversations {
		t.Run(c.scenario, func(t *testing.T) {
			home := codextest.Home(t, model.URL)
			env := []string{"CODEX_HOME=" + home, "HOME=" + home, "PATH=" + os.Getenv("PATH"), "RUST_LOG=error"}
			var got strings.Builder
			for _, m := range talk(t, codex.Command{Path: program, Args: []string{"app-server", "--strict-config"}, Dir: t.TempDir(), Env: env, Log: io.Discard}, c.prompt, c.approvals, c.interruptAt) {
				fmt.Fprintf(&got, "%s: %s\n", m.name, strings.Join(slices.Sorted(maps.Keys(m.members)), " "))
			}
			if *update {
				if err := os.WriteFile(transcript(c.scenario), []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(transcript(c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("the real one says something else (-written +said); see the release notes of Codex, then run with -update:\n%s", diff)
			}
		})
	}
}

// TestTheFakeSpeaksAsTheRealOneDoes: the same messages in the same order as in the
// transcript of the real program, with no member that the real one does not have.
func TestTheFakeSpeaksAsTheRealOneDoes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conversations {
		t.Run(c.scenario, func(t *testing.T) {
			written, err := os.ReadFile(transcript(c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			var members []string
			for line := range strings.Lines(string(written)) {
				name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
				want, members = append(want, name), append(members, rest)
			}
			faked := talk(t, codex.Command{Path: self, Args: []string{"app-server", "--strict-config"}, Dir: t.TempDir(), Env: []string{"FAKE_CODEX=" + c.scenario}, Log: os.Stderr}, c.prompt, c.approvals, c.interruptAt)
			if diff := cmp.Diff(want, names(faked)); diff != "" {
				t.Errorf("the messages differ (-real +fake):\n%s", diff)
				return
			}
			for i, m := range faked {
				for member := range m.members {
					if !slices.Contains(strings.Fields(members[i]), member) {
						t.Errorf("%s: the real one has no %s; it has %s", m.name, member, members[i])
					}
				}
			}
		})
	}
}

// said is one message in short.
type said struct {
	name    string          // method, with an item's type
	members map[string]bool // paths of what is in it
}

func names(all []said) []string {
	var list []string
	for _, m := range all {
		list = append(list, m.name)
	}
	return list
}

// beside are notifications that come when they like.
var beside = []string{"thread/", "account/", "mcpServer/", "warning", "item/commandExecution/outputDelta", "remoteControl/", "skills/", "hook/", "fs/"}

// talk brings a program through one turn and gives what it said in it.
func talk(t *testing.T, c codex.Command, prompt string, approvals bool, interruptAt string) []said {
	t.Helper()
	s, err := codex.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.End(time.Minute); err != nil {
			t.Errorf("it ends with %v", err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a busy machine takes its time
	defer cancel()
	hello, err := s.Initialize(ctx, codex.Client{Name: "agentrun_runner", Title: "AgentRun", Version: "test"}, 5*time.Minute)
	if err != nil || !strings.HasPrefix(hello.UserAgent, "agentrun_runner/"+codextest.Version+" ") {
		t.Fatalf("initialize: %+v, %v", hello, err)
	}
	account, err := s.Account(ctx)
	if err != nil || account.Account == nil || account.Account.Type != "apiKey" || !account.Needed {
		t.Fatalf("account/read: %+v, %v", account, err)
	}
	options := codex.ThreadOptions{Dir: c.Dir, ApprovalPolicy: "never", Sandbox: "danger-full-access"}
	if approvals {
		options.ApprovalPolicy, options.Sandbox = "on-request", "read-only"
	}
	thread, err := s.StartThread(ctx, options)
	if err != nil || thread.Thread.ID == "" || thread.Thread.Version != codextest.Version || thread.Provider != "local" {
		t.Fatalf("thread/start: %+v, %v", thread, err)
	}
	turn, err := s.StartTurn(ctx, thread.Thread.ID, prompt, "")
	if err != nil || turn.ID == "" || turn.Status != "inProgress" {
		t.Fatalf("turn/start: %+v, %v", turn, err)
	}
	var all []said
	note := func(m *codex.Message) (done bool) {
		if m.IsResponse() || slices.ContainsFunc(beside, func(p string) bool { return strings.HasPrefix(m.Method, p) }) {
			return false
		}
		var v any
		if err := json.Unmarshal(m.Params, &v); err != nil {
			t.Fatal(err)
		}
		one := said{m.Method, map[string]bool{}}
		if item, ok := v.(map[string]any)["item"].(map[string]any); ok {
			kind := item["type"].(string)
			if kind == "userMessage" {
				return false // the fake does not repeat what it was told
			}
			one.name += " " + kind
		}
		paths(v, "", one.members)
		if last := len(all) - 1; last >= 0 && all[last].name == one.name {
			maps.Copy(all[last].members, one.members) // some things are said again
		} else {
			all = append(all, one)
		}
		switch {
		case m.IsRequest():
			if string(m.ID) != "0" || !approvals {
				t.Errorf("%s is asked with the id %s", m.Method, m.ID)
			}
			if err := s.Answer(m, map[string]string{"decision": "accept"}); err != nil {
				t.Fatal(err)
			}
		case m.Method == interruptAt:
			if err := s.Interrupt(thread.Thread.ID, turn.ID); err != nil {
				t.Fatal(err)
			}
		}
		return m.Method == codex.TurnCompleted
	}
	if slices.ContainsFunc(s.Kept(), note) {
		return all
	}
	for {
		select {
		case m, more := <-s.Messages():
			if !more {
				t.Fatalf("it ended in its turn: %v", s.Err())
			}
			if note(m) {
				return all
			}
		case <-ctx.Done():
			t.Fatalf("no end after %v", names(all))
		}
	}
}

func paths(v any, at string, into map[string]bool) {
	if object, ok := v.(map[string]any); ok {
		for name, member := range object {
			into[at+"/"+name] = true
			paths(member, at+"/"+name, into)
		}
	}
}
