package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/internal/scratch"
)

const project = "shop"

// server is the Postgres of all tests, which take turns with it.
var server struct {
	once sync.Once
	*scratch.Postgres
	pool *pgxpool.Pool
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.pool != nil {
		server.pool.Close()
	}
	if server.Postgres != nil {
		if err := errors.Join(server.Close(), os.RemoveAll(server.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func startPostgres() error {
	var err error
	if server.dir, err = os.MkdirTemp("", "dispatch-"); err != nil {
		return err
	}
	ctx := context.Background()
	if server.Postgres, err = scratch.StartPostgres(ctx, server.dir); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(server.DSN)
	if err != nil {
		return err
	}
	store.Configure(cfg)
	if server.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return err
	}
	return store.Migrate(ctx, server.pool)
}

// needs is what a test and a property have in common.
type needs interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// world is a database, a cluster, and a time that the test sets.
type world struct {
	t       needs
	ctx     context.Context
	store   *store.Store
	cluster *kubetest.Objects
	config  Config
	mono    *clock // of the managers, never set back
	wall    *clock // of the store
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func needPostgres(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	server.once.Do(func() { server.err = startPostgres() })
	if child.Missing(server.err) && os.Getenv("CI") != "true" {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
}

// newWorld is empty but for one project. Of is the test that it all belongs to.
func newWorld(t needs, of *testing.T) *world {
	t.Helper()
	ctx := of.Context()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := &world{t: t, ctx: ctx, mono: &clock{at: begin}, wall: &clock{at: begin}}
	if _, err := server.pool.Exec(ctx, `truncate runs, attempts, events, artifacts, projects cascade`); err != nil {
		t.Fatalf("%v", err)
	}
	w.store = &store.Store{Pool: server.pool, Now: w.wall.now}
	if err := w.store.PutProject(ctx, store.Project{Name: project, MaxRunning: 5}); err != nil {
		t.Fatalf("%v", err)
	}
	w.cluster = kubetest.StartObjects(testNamespace, nil, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(func() {
		w.cluster.CloseClientConnections()
		w.cluster.Close()
	})
	runner := template(of)
	w.config = Config{
		Store: w.store, Namespace: testNamespace, ManagerURL: testURL, MaxRunning: 8, Every: time.Second,
		Template: func() (*batchv1.Job, error) { return runner, nil },
		Limits:   DefaultLimits(), Now: w.mono.now, Log: slog.New(slog.DiscardHandler),
	}
	return w
}

// replica is a manager's dispatcher whose passes the test makes.
type replica struct {
	*Dispatcher
	ctx    context.Context
	kill   context.CancelFunc
	client *kube.Client
	gone   sync.WaitGroup
}

// start starts a replica that watches the cluster. It is up to date before it returns
// unless the cluster does not answer.
func (w *world) start(of *testing.T) *replica {
	w.t.Helper()
	file := filepath.Join(of.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, w.cluster.Kubeconfig, 0o600); err != nil {
		w.t.Fatalf("%v", err)
	}
	client, err := kube.Connect(w.ctx, kube.Options{Kubeconfig: file, Manager: "agentrun-mgr", Later: true, Timeout: 30 * time.Second})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	config := w.config
	config.Kube = client
	r := &replica{Dispatcher: New(config), client: client}
	r.ctx, r.kill = context.WithCancel(w.ctx)
	quiet := func(error) {}
	r.gone.Go(func() { r.jobs.run(r.ctx, client, testNamespace, r.Wake, quiet) })
	r.gone.Go(func() { r.pods.run(r.ctx, client, testNamespace, r.Wake, quiet) })
	w.t.Cleanup(r.end)
	return r
}

// end is a kill -9 that waits until nothing of it is left.
func (r *replica) end() {
	r.kill()
	r.gone.Wait()
	r.client.Close()
}

// settle waits until the replica has seen everything that is in the cluster.
func (w *world) settle(r *replica) {
	w.t.Helper()
	upToDate := func() bool {
		seen := r.cluster()
		if !seen.synced {
			return false
		}
		want := map[string]string{}
		for _, obj := range append(w.cluster.All("jobs"), w.cluster.All("pods")...) {
			if field(obj, "metadata", "labels", "agentrun.dev/run") != "" {
				want[field(obj, "metadata", "uid")] = field(obj, "metadata", "resourceVersion")
			}
		}
		n := 0
		for _, j := range seen.jobs {
			if n++; want[string(j.UID)] != j.ResourceVersion {
				return false
			}
		}
		for _, all := range seen.pods {
			for _, p := range all {
				if n++; want[string(p.UID)] != p.ResourceVersion {
					return false
				}
			}
		}
		return n == len(want)
	}
	for range 20_000 {
		if upToDate() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("the replica does not see what is in the cluster")
}

func field(obj map[string]any, path ...string) string {
	var v any = obj
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (w *world) submit(req run.Request) run.Run {
	w.t.Helper()
	req.Prompt = "say hello"
	r, _, err := w.store.Submit(w.ctx, project, req, "", "")
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return r
}

func (w *world) get(id string) run.Run {
	w.t.Helper()
	r, err := w.store.Get(w.ctx, project, id)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return r
}
