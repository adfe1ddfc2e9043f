package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

const project = "shop"

// built are the programs of all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "app-server" { // it is called codex
		os.Exit(fakecodex.Main(fakecodex.Told, "", os.Args[1:]))
	}
	code := m.Run()
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// build makes a folder of the programs that are released, and of a Codex beside them.
func build() error {
	var err error
	if built.dir, err = os.MkdirTemp("", "agentrun-soak-"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(built.dir, "codex")); err != nil {
		return err
	}
	const module = "github.com/pikasTech/agentrun/cmd/"
	// As the tests are compiled, so that nothing is compiled twice.
	cmd := exec.Command("go", "build", "-o", built.dir, module+"agentrun", module+"agentrun-mgr", module+"agentrun-runner")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

// world is everything that a run needs, running until the test ends.
type world struct {
	t        *testing.T
	root     string
	postgres *scratch.Postgres
	store    *store.Store
	cluster  *cluster
	service  *service
	managers *managers
	token    string // of a user of project

	kubeconfig string // a file that the managers alone are told of
}

// newWorld starts two managers, and what they need.
func newWorld(t *testing.T, maxRunning int) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	if runtime.GOOS != "linux" {
		t.Skip("it finds processes in /proc")
	}
	w := &world{t: t, root: t.TempDir()}
	w.startPostgres()
	built.once.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	w.cluster = startCluster(t, w.root, built.dir)
	w.service = startService(t)
	w.kubeconfig = filepath.Join(w.root, "kubeconfig")
	template, logs := filepath.Join("testdata", "job.yaml"), filepath.Join(w.root, "logs")
	if err := errors.Join(os.WriteFile(w.kubeconfig, w.cluster.Kubeconfig, 0o600), os.Mkdir(logs, 0o755)); err != nil {
		t.Fatal(err)
	}
	s, url, err := storetest.Open(t.Context(), w.postgres.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Pool.Close)
	w.store = s
	w.managers = &managers{
		program: filepath.Join(built.dir, "agentrun-mgr"), logs: logs, service: w.service, running: map[int]*child.Process{},
		// Without the last parameter a crash of this Postgres would take back what it confirmed.
		databaseURL: url + "&synchronous_commit=on&pool_max_conns=12",
		args: []string{
			"--listen=127.0.0.1:0", "--job-template=" + template, "--kubeconfig=" + w.kubeconfig, "--runner-url=" + w.service.url(),
			"--max-running=" + strconv.Itoa(maxRunning), "--drain-delay=0s",
		},
	}
	for n := range 2 {
		if err := w.managers.start(n); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for n := range 2 {
			if err := w.managers.end(n, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	})
	if err := s.PutProject(t.Context(), store.Project{Name: project, MaxRunning: maxRunning}); err != nil {
		t.Fatal(err)
	}
	_, w.token, err = s.CreateToken(t.Context(), store.Token{Name: "soak", Project: project, Scopes: []string{store.ReadRuns, store.WriteRuns}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) startPostgres() {
	w.t.Helper()
	p, err := scratch.StartPostgres(w.t.Context(), w.root)
	if child.Missing(err) && os.Getenv("CI") != "true" {
		w.t.Skip(err)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.postgres = p
	w.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

// client is a user's.
func (w *world) client() *client.Client {
	w.t.Helper()
	c, err := client.New(w.service.url(), w.token)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Patience = 5 * time.Minute
	return c
}

// atRest waits until no Job is active and no pod is there that runs.
func (w *world) atRest() {
	w.t.Helper()
	for range 1200 {
		if len(w.cluster.active()) == 0 && len(w.cluster.running()) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Errorf("there are active Jobs: %v", w.cluster.active())
	for _, p := range w.cluster.running() {
		w.t.Errorf("pod %s is still running", p.name)
	}
}

// leaves ends the managers as a release does, and finds nothing left of any run, and no
// word of a manager that it has failed.
func (w *world) leaves() {
	w.t.Helper()
	for n := range 2 {
		if err := w.managers.end(n, syscall.SIGTERM); err != nil {
			w.t.Error(err)
		}
	}
	troubles, err := w.managers.troubles()
	if err != nil {
		w.t.Error(err)
	}
	for _, line := range troubles {
		w.t.Error(line)
	}
	for _, place := range []string{w.cluster.root, w.kubeconfig} {
		for pid, line := range processes(place) {
			w.t.Errorf("process %d is left running: %s", pid, line)
		}
	}
}

// eventually asks Postgres until it answers.
func eventually[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	for {
		answer, err := ask(ctx)
		if err == nil || !store.Unavailable(err) || ctx.Err() != nil {
			return answer, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func number(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, not a number above 0", name, text)
	}
	return n
}
