package codex_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http/httptest"
	"os"
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

// TestTheFakeSpeaksAsTheRealOneDoes holds what the fake says in its ordinary scenarios
// against the real program: the same messages in the same order, with no member that the
// real one does not have.
func TestTheFakeSpeaksAsTheRealOneDoes(t *testing.T) {
	program := codextest.Binary(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	model := httptest.NewServer(provider.Handler())
	defer model.Close()
	for scenario, prompt := range map[string]string{"hello": "hello", "exec": "model: run echo hi\nmodel: say done"} {
		t.Run(scenario, func(t *testing.T) {
			home := codextest.Home(t, model.URL)
			env := []string{"CODEX_HOME=" + home, "HOME=" + home, "PATH=" + os.Getenv("PATH"), "RUST_LOG=error"}
			actual := talk(t, codex.Command{Path: program, Args: []string{"app-server", "--strict-config"}, Dir: t.TempDir(), Env: env, Log: io.Discard}, prompt)
			faked := talk(t, codex.Command{Path: self, Args: []string{"app-server", "--strict-config"}, Dir: t.TempDir(), Env: append(env, "FAKE_CODEX="+scenario), Log: os.Stderr}, prompt)
			if diff := cmp.Diff(names(actual), names(faked)); diff != "" {
				t.Errorf("the messages differ (-real +fake):\n%s", diff)
				return
			}
			for i, m := range faked {
				for member := range m.members {
					if !actual[i].members[member] {
						t.Errorf("%s: the real one has no %s; it has %v", m.name, member, slices.Sorted(maps.Keys(actual[i].members)))
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
func talk(t *testing.T, c codex.Command, prompt string) []said {
	t.Helper()
	s, err := codex.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.End(5 * time.Second); err != nil {
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
	thread, err := s.StartThread(ctx, codex.ThreadOptions{Dir: c.Dir, ApprovalPolicy: "never", Sandbox: "danger-full-access"})
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
		all = append(all, one)
		return m.Method == codex.TurnCompleted
	}
	for _, m := range s.Kept() {
		if note(m) {
			return all
		}
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
