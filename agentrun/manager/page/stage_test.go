package page_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
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
	hub   *api.Hub
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
	s := &stage{t: t}
	var err error
	if s.store, _, err = storetest.Open(t.Context(), server.DSN); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.store.Pool.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s.hub = api.NewHub(s.store, log)
	for _, name := range []string{"shop", "other"} {
		if err := s.store.EnsureProject(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	s.token = s.newToken("shop", store.ReadRuns)
	p := &page.Page{Store: s.store, Follow: s.hub.Follow, Log: log}
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
	a := &storetest.Agent{Store: s.store, RunID: id, Stored: func(events []run.Event) { s.hub.Stored(id, events) }}
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
