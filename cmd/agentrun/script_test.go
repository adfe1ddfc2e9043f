package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/page"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agentrun": main})
}

// TestScript runs every script in testdata/script. The manager that a script talks
// to is the real one, with a database of its own in one real Postgres.
func TestScript(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	pg, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if child.Missing(err) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[key{}] = &scene{dsn: pg.DSN, agents: map[string]*storetest.Agent{}}
			env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			return os.MkdirAll(filepath.Join(env.WorkDir, ".config", "agentrun"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":      testkit.Exit,
			"manager":   cmdManager,
			"capture":   cmdCapture,
			"keep":      cmdKeep,
			"agent":     cmdAgent,
			"watched":   cmdWatched,
			"interrupt": cmdInterrupt,
			"revoke":    cmdRevoke,
		},
	})
}

type key struct{}

// scene is the manager of one script, and the agents that it plays.
type scene struct {
	dsn, database, address string
	store                  *store.Store
	hub                    *api.Hub
	stop                   func() error // the manager
	agents                 map[string]*storetest.Agent
}

// cmdManager (manager) starts a manager with a new database; $AGENTRUN_URL is
// where, $AGENTRUN_TOKEN a token of the project shop and $ADMIN one for
// administration. (manager stop) and (manager start) are how it is released anew.
func cmdManager(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(key{}).(*scene)
	switch {
	case neg || len(args) > 1:
		ts.Fatalf("usage: manager [stop|start]")
	case len(args) == 1 && args[0] == "stop":
		ts.Check(s.stop())
	case len(args) == 1:
		ts.Check(s.start(s.address))
	default:
		ctx := context.Background()
		var err error
		s.store, s.database, err = storetest.Open(ctx, s.dsn)
		ts.Check(err)
		ts.Defer(s.store.Pool.Close)
		ts.Check(s.store.EnsureProject(ctx, "shop"))
		ts.Check(s.start("127.0.0.1:0"))
		ts.Defer(func() { ts.Check(s.stop()) })
		for name, t := range map[string]store.Token{
			"AGENTRUN_TOKEN": {Name: "shop", Project: "shop", Scopes: []string{store.ReadRuns, store.WriteRuns}},
			"ADMIN":          {Name: "boss", Scopes: []string{store.Admin}},
		} {
			_, value, err := s.store.CreateToken(ctx, t)
			ts.Check(err)
			ts.Setenv(name, value)
		}
		ts.Setenv("AGENTRUN_URL", "http://"+s.address)
	}
}

func (s *scene) start(address string) error {
	ready := make(chan *api.Hub, 1)
	m, err := manager.New(manager.Config{
		Listen: address, DatabaseURL: s.database, ReadyTimeout: 10 * time.Second, ShutdownTimeout: 10 * time.Second,
		Page: func(db *store.Store, hub *api.Hub) http.Handler {
			ready <- hub
			return (&page.Page{Store: db, Follow: hub.Follow, Log: slog.New(slog.DiscardHandler)}).Handler()
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.address = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- m.Serve(ctx, ln) }()
	s.stop = func() error {
		cancel()
		s.stop = func() error { return nil }
		return <-end
	}
	select {
	case s.hub = <-ready:
		s.store.Changed = s.hub.Changed
		return nil
	case err := <-end:
		return err
	}
}

// cmdCapture (capture NAME) keeps what was printed in $NAME.
func cmdCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// cmdKeep (keep FILE TEXT) writes a file that only its owner may read.
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep FILE TEXT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]+"\n"), 0o600))
}

// cmdAgent plays the agent of a run:
//
//	agent begin RUN
//	agent say RUN TYPE JSON
//	agent keep RUN NAME TEXT
//	agent end RUN STATE LAST-WORDS [REASON]
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: agent begin|say|keep|end RUN …")
	}
	s, ctx := ts.Value(key{}).(*scene), context.Background()
	a := s.agents[args[1]]
	if a == nil {
		a = &storetest.Agent{Store: s.store, RunID: args[1]}
		a.Stored = func(events []run.Event) { s.hub.Stored(a.RunID, events) }
		s.agents[args[1]] = a
	}
	switch what, rest := args[0], args[2:]; {
	case what == "begin" && len(rest) == 0:
		ts.Check(a.Begin(ctx))
	case what == "say" && len(rest) == 2:
		ts.Check(a.Say(ctx, run.EventType(rest[0]), json.RawMessage(rest[1])))
	case what == "keep" && len(rest) == 2:
		ts.Check(a.Keep(ctx, rest[0], "text/plain", []byte(rest[1])))
	case what == "end" && len(rest) >= 2:
		e := run.Ending{State: run.State(rest[0]), FinalMessage: rest[1], Usage: run.UsageData{InputTokens: 10, TotalTokens: 12}}
		if len(rest) == 3 {
			e.Reason, e.Message = run.Reason(rest[2]), "it \x1b[31mhurts"
		}
		ts.Check(a.End(ctx, e))
	default:
		ts.Fatalf("agent %v is nothing that an agent does", args)
	}
}

// cmdWatched (watched) waits until somebody reads the events of a run.
func cmdWatched(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: watched")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get(ts.Getenv("AGENTRUN_URL") + "/metrics")
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		ts.Check(resp.Body.Close())
		if bytes.Contains(body, []byte("\nagentrun_event_readers 1\n")) {
			return
		}
	}
	ts.Fatalf("nobody watches")
}

// cmdRevoke (revoke) revokes $AGENTRUN_TOKEN.
func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: revoke")
	}
	s, ctx := ts.Value(key{}).(*scene), context.Background()
	token, err := s.store.Authenticate(ctx, ts.Getenv("AGENTRUN_TOKEN"))
	ts.Check(err)
	ts.Check(s.store.RevokeToken(ctx, token.ID))
}

// cmdInterrupt (interrupt) is Ctrl-C for what runs in the background.
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: interrupt")
	}
	if len(ts.BackgroundCmds()) == 0 {
		ts.Fatalf("nothing runs")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGINT))
	}
}
