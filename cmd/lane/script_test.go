package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lane": main})
}

// TestScript runs every script in testdata/script. The servers that a script
// starts are real and end with it.
func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home, err := os.UserHomeDir()
			if err != nil {
				return err
			}
			for k, v := range map[string]string{
				"ROOT":                root,
				"HOME":                filepath.Join(env.WorkDir, ".home"),
				"XDG_CACHE_HOME":      filepath.Join(env.WorkDir, ".cache"),
				"PATH":                env.Getenv("PATH") + ":" + filepath.Join(root, "bin"),
				"GIT_AUTHOR_NAME":     "A Developer",
				"GIT_AUTHOR_EMAIL":    "dev@example.com",
				"GIT_COMMITTER_NAME":  "A Developer",
				"GIT_COMMITTER_EMAIL": "dev@example.com",
				"GIT_AUTHOR_DATE":     "2026-01-02T03:04:05Z",
				"GIT_COMMITTER_DATE":  "2026-01-02T03:04:05Z",
				"GIT_CONFIG_NOSYSTEM": "1",
				// The compiler's caches are shared with the machine: what they hold
				// is addressed by content.
				"GOCACHE":    goEnv("GOCACHE"),
				"GOMODCACHE": goEnv("GOMODCACHE"),
				"GOPROXY":    goEnv("GOPROXY"),
				"GOFLAGS":    "",
				"REAL_HOME":  home,
			} {
				env.Setenv(k, v)
			}
			return os.MkdirAll(env.Getenv("HOME"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shop":     cmdShop,
			"commit":   cmdCommit,
			"registry": cmdRegistry,
			"remote":   cmdRemote,
			"edit":     cmdEdit,
			"take":     cmdTake,
			"exit":     testkit.Exit,
			"hang":     cmdHang,
			"asked":    cmdAsked,
			"replace":  cmdReplace,
			"cluster":  cmdCluster,
			"fakes":    cmdFakes,
			"untold":   cmdUntold,
			"postgres": cmdPostgres,
			"secret":   cmdSecret,
			"taken":    cmdTaken,
		},
	})
}

func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// cmdShop (shop DIR) makes the example project in DIR, a git repository with one
// commit on its source branch.
func cmdShop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shop DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.CopyFS(dir, os.DirFS(filepath.Join(ts.Getenv("ROOT"), "examples/shop"))))
	ts.Check(ts.Exec("git", "init", "-q", "-b", "v0.3", dir))
	cmdCommit(ts, false, []string{args[0], "first"})
}

// cmdCommit (commit DIR MESSAGE) commits everything in DIR.
func cmdCommit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit DIR MESSAGE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(ts.Exec("git", "-C", dir, "add", "-A"))
	ts.Check(ts.Exec("git", "-C", dir, "commit", "-q", "--allow-empty", "-m", args[1]))
}

// cmdRegistry (registry) starts an empty Docker registry; $REGISTRY is its address.
func cmdRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: registry")
	}
	r, err := scratch.StartRegistry(context.Background(), filepath.Join(ts.MkAbs("."), ".registry"), scratch.RegistryOptions{})
	ts.Check(err)
	ts.Defer(r.Close)
	ts.Setenv("REGISTRY", r.Addr)
}

// cmdRemote (remote) serves an empty git repository over HTTP; $REMOTE is its
// URL and $REMOTE_DIR its folder.
func cmdRemote(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: remote")
	}
	g, err := scratch.StartGitRemote(context.Background(), filepath.Join(ts.MkAbs("."), ".remote"))
	ts.Check(err)
	ts.Defer(g.Close)
	ts.Setenv("REMOTE", g.URL)
	ts.Setenv("REMOTE_DIR", g.Dir)
}

// cmdReplace (replace FILE OLD NEW) replaces the one place where OLD stands.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	if n := strings.Count(string(data), args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(name, []byte(strings.Replace(string(data), args[1], args[2], 1)), 0o644))
}

// cmdHang (hang) listens at a new $HANG and never answers.
func cmdHang(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: hang")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv("HANG", listener.Addr().String())
	asked := marker(ts)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if err := os.WriteFile(asked, nil, 0o644); err != nil {
				return
			}
		}
	}()
}

// marker is the file that says that somebody has asked $HANG.
func marker(ts *testscript.TestScript) string {
	return filepath.Join(ts.MkAbs("."), ".asked-"+strings.ReplaceAll(ts.Getenv("HANG"), ":", "-"))
}

// cmdAsked (asked) waits until somebody asks $HANG.
func cmdAsked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: asked")
	}
	asked := marker(ts)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if os.Remove(asked) == nil {
			return
		}
	}
	ts.Fatalf("nobody asked")
}

// cmdEdit (edit FILE POINTER VALUE) writes a string, or what VALUE as FILE:/POINTER
// names, at a JSON pointer, and leaves the file in canonical form: as somebody
// would who knows the form.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE POINTER VALUE")
	}
	read := func(name string) (doc any) {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &doc))
		return doc
	}
	var value any = args[2]
	if file, pointer, ok := strings.Cut(args[2], ":/"); ok {
		value = at(ts, read(file), pointer, nil)
	}
	doc := read(args[0])
	at(ts, doc, args[1], func(any) any { return value })
	data, err := canon.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// cmdTake (take VAR FILE [POINTER]) puts the string at a JSON pointer, or the text of
// the file, into a variable.
func cmdTake(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: take VAR FILE [POINTER]")
	}
	if len(args) == 2 {
		ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
		return
	}
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &doc))
	value, ok := at(ts, doc, args[2], nil).(string)
	if !ok {
		ts.Fatalf("%s has no string at %s", args[1], args[2])
	}
	ts.Setenv(args[0], value)
}

// at is the value that pointer names in doc; change, if set, replaces it.
func at(ts *testscript.TestScript, doc any, pointer string, change func(any) any) any {
	key, rest, deeper := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	key = strings.ReplaceAll(key, "~1", "/")
	step := func(v any) any {
		if deeper {
			return at(ts, v, rest, change)
		}
		return v
	}
	switch doc := doc.(type) {
	case map[string]any:
		if change != nil && !deeper {
			doc[key] = change(doc[key])
		}
		return step(doc[key])
	case []any:
		i, err := strconv.Atoi(key)
		ts.Check(err)
		return step(doc[i])
	}
	ts.Fatalf("there is no %s", pointer)
	return nil
}
