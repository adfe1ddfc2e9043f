package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// world is everything that a load needs but the load.
type world struct {
	dir      string
	postgres *scratch.Postgres
	store    *store.Store
	url      string // of the database
	cluster  *cluster
	user     string // token
}

const project = "shop"

// settings make the scratch server what a Postgres is that nobody has tuned: what it
// confirmed is on the disk. Two are of its log's files, see settle.
var settings = []string{
	"fsync=on", "full_page_writes=on", "synchronous_commit=on", "shared_buffers=128MB", "max_connections=100",
	"min_wal_size=512MB", "max_wal_size=2GB", "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on",
}

func newWorld(ctx context.Context, dir string, runs int, set []string) (w *world, err error) {
	w = &world{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.postgres, err = scratch.StartPostgres(ctx, dir, append(slices.Clone(settings), set...)...); err != nil {
		return nil, err
	}
	if w.store, w.url, err = storetest.Open(ctx, w.postgres.DSN); err != nil {
		return nil, err
	}
	if _, err = w.store.Pool.Exec(ctx, "create extension pg_stat_statements"); err != nil {
		return nil, err
	}
	if err = w.settle(ctx); err != nil {
		return nil, err
	}
	if err = w.store.PutProject(ctx, store.Project{Name: project, MaxRunning: runs}); err != nil {
		return nil, err
	}
	if _, w.user, err = w.store.CreateToken(ctx, store.Token{Name: "bench", Project: project, Scopes: []string{store.ReadRuns, store.WriteRuns}}); err != nil {
		return nil, err
	}
	w.cluster, err = newCluster()
	return w, err
}

// settle makes the server one that has run for a while: it has files of its log that it
// can use again. A new one makes one of 16 MB, full of zeros, whenever it needs the
// next, and everybody waits for that.
func (w *world) settle(ctx context.Context) error {
	const files = 24
	for range files {
		if _, err := w.store.Pool.Exec(ctx, "select pg_logical_emit_message(false, 'bench', 'x')"); err != nil {
			return err
		}
		if _, err := w.store.Pool.Exec(ctx, "select pg_switch_wal()"); err != nil {
			return err
		}
	}
	_, err := w.store.Pool.Exec(ctx, "checkpoint")
	return err
}

func (w *world) close() error {
	if w.cluster != nil {
		w.cluster.close()
	}
	if w.store != nil {
		w.store.Pool.Close()
	}
	if w.postgres != nil {
		return w.postgres.Close()
	}
	return nil
}

// program is a process of this program in another role.
type program struct {
	*child.Process
	url string
	err *os.File // what it says on stderr
}

// start starts this program in that role; it says where it serves in one line.
func start(ctx context.Context, dir string, env []string, args ...string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, args[0]+".log"))
	if err != nil {
		return nil, err
	}
	r, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command(self, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), out, log
	p, err := child.Start(cmd)
	out.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, p.Stop)
	defer stop()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s did not start; see %s", args[0], log.Name())
	}
	return &program{p, strings.TrimSpace(line), log}, nil
}

func (p *program) close() {
	p.Stop()
	_ = p.err.Close() // it was for people
}

// manager starts a manager for the world's runs.
func (w *world) manager(ctx context.Context, runs int, profile string) (*program, error) {
	template, kubeconfig := filepath.Join(w.dir, "job.yaml"), filepath.Join(w.dir, "kubeconfig")
	if err := errors.Join(os.WriteFile(template, []byte(jobTemplate), 0o600), os.WriteFile(kubeconfig, w.cluster.Kubeconfig, 0o600)); err != nil {
		return nil, err
	}
	return start(ctx, w.dir, []string{"DATABASE_URL=" + w.url}, "serve", template, kubeconfig, fmt.Sprint(runs), profile)
}

var defaults = manager.Config{
	Listen: "127.0.0.1:0", ReadyTimeout: 2 * time.Second, DrainDelay: 0, ShutdownTimeout: 10 * time.Second,
}
