package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agentrun-mgr": main})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[test{}] = env.T()
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":      testkit.Exit,
			"get":       cmdGet,
			"postgres":  cmdPostgres,
			"serving":   cmdServing,
			"terminate": cmdTerminate,
		},
	})
}

// test is the key of the script's testscript.T.
type test struct{}

// cmdPostgres (postgres) starts a Postgres; $DATABASE_URL is how to reach it and
// $PASSWORD its password.
func cmdPostgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: postgres")
	}
	dir := ts.MkAbs(".postgres")
	ts.Check(os.Mkdir(dir, 0o755))
	p, err := scratch.StartPostgres(context.Background(), dir)
	if child.Missing(err) && os.Getenv("CI") != "true" {
		ts.Value(test{}).(testscript.T).Skip(err)
	}
	ts.Check(err)
	ts.Defer(func() { ts.Check(p.Close()) })
	u, err := url.Parse(p.DSN)
	ts.Check(err)
	password, _ := u.User.Password()
	ts.Setenv("DATABASE_URL", p.DSN)
	ts.Setenv("PASSWORD", password)
}

// cmdServing (serving LOG) waits until a manager that logs into the file LOG
// says that it listens; $URL is where.
func cmdServing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serving LOG")
	}
	for range 3000 {
		for line := range strings.Lines(ts.ReadFile(args[0])) {
			var entry struct {
				Msg     string `json:"msg"`
				Address string `json:"address"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
				ts.Setenv("URL", "http://"+entry.Address)
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("it does not listen:\n%s", ts.ReadFile(args[0]))
}

// cmdGet (get STATUS PATH) asks the manager and wants that status; the answer is
// the output.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get STATUS PATH")
	}
	resp, err := http.Get(ts.Getenv("URL") + args[1])
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if got := fmt.Sprint(resp.StatusCode); got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
}

// cmdTerminate (terminate) sends SIGTERM to what runs in the background.
func cmdTerminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: terminate")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}
