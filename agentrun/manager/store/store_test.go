package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

const project = "shop"

// server is what most tests share: each has a database of its own in it.
var server struct {
	once sync.Once
	*scratch.Postgres
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Postgres != nil {
		if err := errors.Join(server.Close(), os.RemoveAll(server.dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// newDatabase makes an empty database and gives its URL.
func newDatabase(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "store-"); server.err == nil {
			server.Postgres, server.err = scratch.StartPostgres(context.Background(), server.dir)
		}
	})
	if child.Missing(server.err) && os.Getenv("CI") != "true" {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	conn, err := pgx.Connect(t.Context(), server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	name := "d" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(t.Context(), "create database "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func connect(t *testing.T, dsn string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	Configure(cfg)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// open gives a store on a new, migrated database with one project.
func open(t *testing.T) *Store {
	t.Helper()
	return openAt(t, newDatabase(t))
}

func openAt(t *testing.T, dsn string) *Store {
	t.Helper()
	s := &Store{Pool: connect(t, dsn), Now: time.Now}
	if err := Migrate(t.Context(), s.Pool); err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureProject(t.Context(), project); err != nil {
		t.Fatal(err)
	}
	return s
}

func submit(t *testing.T, s *Store, req run.Request) run.Run {
	t.Helper()
	if req.Prompt == "" {
		req.Prompt = "say hello"
	}
	r, _, err := s.Submit(t.Context(), project, req, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dispatch begins the next attempt of a run.
func dispatch(t *testing.T, s *Store, id string) int {
	t.Helper()
	u := uuid.MustParse(id)
	var attempt int
	err := pgx.BeginFunc(t.Context(), s.Pool, func(tx pgx.Tx) error {
		_, after, err := s.transition(t.Context(), tx, u, run.Step{Kind: run.Dispatch}, end{})
		if err != nil {
			return err
		}
		attempt = after.Attempt
		_, err = tx.Exec(t.Context(), `insert into attempts (run_id, attempt, state, job_name, job_uid, created_at) values ($1, $2, 'scheduled', $3, 'job', $4)`,
			u, attempt, JobName(u, attempt), s.now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return attempt
}

const pod = "the-pod"

// running gives a run whose first attempt is claimed by pod.
func running(t *testing.T, s *Store, req run.Request) run.Run {
	t.Helper()
	r := submit(t, s, req)
	if _, err := s.Claim(t.Context(), r.ID, dispatch(t, s, r.ID), pod); err != nil {
		t.Fatal(err)
	}
	return r
}

// report makes n events that begin with that number; each says which it is.
func report(first, n int) run.Report {
	r := run.Report{First: int64(first)}
	for i := range n {
		r.Events = append(r.Events, run.RunnerEvent{
			Time: time.Unix(1700000000, 0), Type: run.Message, Data: fmt.Appendf(nil, "{\"text\":\"%d\"}", first+i),
		})
	}
	return r
}

// texts are the texts of a run's messages, in order; the numbers of the events must
// have no gap.
func texts(t *testing.T, s *Store, id string) []string {
	t.Helper()
	var all []string
	after := int64(0)
	for {
		page, err := s.Events(t.Context(), project, id, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if after++; e.Seq != after {
				t.Fatalf("event %d follows on %d", e.Seq, after-1)
			}
			if e.Type == run.Message {
				var d run.TextData
				if err := json.Unmarshal(e.Data, &d); err != nil {
					t.Fatal(err)
				}
				all = append(all, d.Text)
			}
		}
		if len(page.Events) == 0 {
			return all
		}
	}
}

func states(t *testing.T, s *Store, id string) []run.StateData {
	t.Helper()
	page, err := s.Events(t.Context(), project, id, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []run.StateData
	for _, e := range page.Events {
		if e.Type == run.StateChanged {
			var d run.StateData
			if err := json.Unmarshal(e.Data, &d); err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
	}
	return all
}

func wantTexts(t *testing.T, s *Store, id string, n int) {
	t.Helper()
	got := texts(t, s, id)
	for i := range got {
		if got[i] != fmt.Sprint(i+1) {
			t.Fatalf("event %d says %s", i+1, got[i])
		}
	}
	if len(got) != n {
		t.Fatalf("there are %d events, want %d", len(got), n)
	}
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
