package page_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/pikasTech/agentrun/agentrun/manager/page"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// server is what the tests share: each has a database of its own in it.
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

// stage is the page, served from a real database that has two projects.
type stage struct {
	t     *testing.T
	store *store.Store
	site  *httptest.Server
	url   string
	token string // of the project shop

	mu      sync.Mutex
	changed chan struct{}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "page-"); server.err == nil {
			server.Postgres, server.err = scratch.StartPostgres(context.Background(), server.dir)
		}
	})
	if child.Missing(server.err) && os.Getenv("CI") != "true" {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	s := &stage{t: t, changed: make(chan struct{})}
	var err error
	if s.store, _, err = storetest.Open(t.Context(), server.DSN); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.store.Pool.Close)
	s.store.Changed = func(string) { s.wake() }
	for _, name := range []string{"shop", "other"} {
		if err := s.store.EnsureProject(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.token = s.newToken("shop", store.ReadRuns)
	p := &page.Page{Store: s.store, Follow: s.follow, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	s.site = httptest.NewServer(p.Handler())
	t.Cleanup(s.site.Close)
	t.Cleanup(s.site.CloseClientConnections) // a browser keeps its streams
	s.url = s.site.URL
	return s
}

func (s *stage) newToken(project string, scopes ...string) string {
	s.t.Helper()
	_, value, err := s.store.CreateToken(s.t.Context(), store.Token{Name: "test", Project: project, Scopes: scopes})
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

func (s *stage) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// follow reads what the store has whenever something was stored.
func (s *stage) follow(ctx context.Context, project, id string, after int64) iter.Seq2[run.Event, error] {
	return func(yield func(run.Event, error) bool) {
		for {
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			events, err := s.store.Events(ctx, project, id, after, 100)
			if err != nil {
				yield(run.Event{}, err)
				return
			}
			for _, e := range events.Events {
				if !yield(e, nil) {
					return
				}
			}
			after = events.Last
			if events.Ended {
				return
			}
			if len(events.Events) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *stage) submit(project string, r run.Request) run.Run {
	s.t.Helper()
	made, _, err := s.store.Submit(s.t.Context(), project, r, "", "")
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// begin plays the agent of a run.
func (s *stage) begin(id string) *storetest.Agent {
	s.t.Helper()
	a := &storetest.Agent{Store: s.store, RunID: id, Stored: func([]run.Event) { s.wake() }}
	if err := a.Begin(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *stage) say(a *storetest.Agent, kind run.EventType, data any) {
	s.t.Helper()
	if err := a.Say(s.t.Context(), kind, data); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) end(a *storetest.Agent, e run.Ending) {
	s.t.Helper()
	if err := a.End(s.t.Context(), e); err != nil {
		s.t.Fatal(err)
	}
}

// person is a browser without a script that keeps cookies and follows nothing.
func (s *stage) person() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

