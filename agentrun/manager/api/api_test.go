package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

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
func newDatabase(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	server.once.Do(func() {
		if server.dir, server.err = os.MkdirTemp("", "api-"); server.err == nil {
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

// replica is one manager's API, as its clients see it.
type replica struct {
	t     testing.TB
	store *store.Store
	hub   *api.Hub
	url   string
	admin string // tokens
	user  string // of the project shop
	log   *syncBuffer
}

// start gives a replica on a database of its own.
func start(t testing.TB) *replica {
	t.Helper()
	return startAt(t, newDatabase(t))
}

func startAt(t testing.TB, dsn string) *replica {
	t.Helper()
	return startWith(t, databaseAt(t, dsn))
}

func databaseAt(t testing.TB, dsn string) *pgxpool.Config {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	store.Configure(cfg)
	return cfg
}

func startWith(t testing.TB, cfg *pgxpool.Config) *replica {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := store.Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, store: &store.Store{Pool: pool, Now: time.Now}, log: &syncBuffer{}}
	log := slog.New(slog.NewJSONHandler(r.log, nil))
	r.hub = api.NewHub(r.store, log)
	ctx, stop := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	beside.Go(func() { r.hub.Run(ctx) })
	mux := http.NewServeMux()
	metrics := api.NewMetrics(r.store)
	mux.Handle("GET /metrics", metrics.Handler())
	(&api.Server{Store: r.store, Hub: r.hub, Metrics: metrics, Log: log, Attempt: identify, CheckPod: checkPod}).Register(mux)
	srv := httptest.NewServer(mux)
	srv.Config.RegisterOnShutdown(r.hub.Close)
	t.Cleanup(func() {
		r.hub.Close()
		srv.Close()
		stop()
		beside.Wait()
	})
	r.url = srv.URL
	for _, project := range []string{"shop", "other"} {
		if err := r.store.EnsureProject(t.Context(), project); err != nil {
			t.Fatal(err)
		}
	}
	r.admin = r.token("", store.Admin)
	r.user = r.token("shop", store.ReadRuns, store.WriteRuns)
	return r
}

func (r *replica) token(project string, scopes ...string) string {
	r.t.Helper()
	_, value, err := r.store.CreateToken(r.t.Context(), store.Token{Name: "test", Project: project, Scopes: scopes})
	if err != nil {
		r.t.Fatal(err)
	}
	return value
}

// In these tests the token of a runner says whose it is: "pod NAME UID". The pod
// whose uid is "stranger" is of no Job.
func identify(_ context.Context, token string) (api.PodIdentity, error) {
	f := strings.Split(token, ":")
	if f[0] == "broken" {
		return api.PodIdentity{}, errors.New("the keys are away")
	}
	if len(f) != 3 || f[0] != "pod" {
		return api.PodIdentity{}, api.ErrToken
	}
	return api.PodIdentity{Namespace: "ns", ServiceAccount: "sa", PodName: f[1], PodUID: f[2]}, nil
}

func checkPod(_ context.Context, pod api.PodIdentity, attempt store.Attempt) error {
	if pod.PodUID == "stranger" || attempt.JobUID != "job" {
		return api.ErrPod
	}
	return nil
}

// dispatch begins the next attempt of a run, as a dispatcher does, and gives the
// token of its pod.
func (r *replica) dispatch(id string) string {
	r.t.Helper()
	u := uuid.MustParse(id)
	var attempt int
	err := r.store.Pool.QueryRow(r.t.Context(), `
		with r as (update runs set state = 'starting', attempt = attempt + 1, last_seq = last_seq + 1 where id = $1 and state = 'queued' returning attempt, last_seq),
		e as (insert into events (run_id, seq, attempt, at, type, data) select $1, last_seq, attempt, now(), 'run.state', '{"state":"starting"}' from r),
		a as (insert into attempts (run_id, attempt, state, job_name, job_uid, created_at)
			select $1, attempt, 'scheduled', 'run-' || replace($1::text, '-', '') || '-' || attempt, 'job', now() from r)
		select attempt from r`, u).Scan(&attempt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.store.Changed(id)
	return "pod:" + store.JobName(u, attempt) + "-abcde:uid"
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// problem is the code of a problem, "" for anything else.
func (a answer) problem() string {
	var p api.Problem
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.body, &p) != nil || p.Status != a.status || p.Title == "" || p.Detail == "" {
		return ""
	}
	return p.Code
}

func (r *replica) do(method, path, token string, body any, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(method, path, token, body, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *replica) try(method, path, token string, body any, headers ...string) (answer, error) {
	var data []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		data = b
	case string:
		data = []byte(b)
	default:
		var err error
		if data, err = json.Marshal(b); err != nil {
			return answer{}, err
		}
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader(data))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, all}, err
}

// want decodes an answer of that status.
func want[T any](t testing.TB, a answer, status int) T {
	t.Helper()
	var v T
	if a.status != status {
		t.Fatalf("got %v, want %d", a, status)
	}
	if err := json.Unmarshal(a.body, &v, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

func refused(t testing.TB, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.problem() != code {
		t.Errorf("got %v, want %d %s", a, status, code)
	}
}

func (r *replica) submit() run.Run {
	r.t.Helper()
	return want[run.Run](r.t, r.do("POST", "/v1/runs", r.user, run.Request{Prompt: "say hello"}), 201)
}

// running gives a run that is claimed, and the token of its pod.
func (r *replica) running() (string, string) {
	r.t.Helper()
	id := r.submit().ID
	pod := r.dispatch(id)
	want[run.Assignment](r.t, r.do("POST", "/runner/v1/claim", pod, nil), 200)
	return id, pod
}

func report(first, n int) run.Report {
	out := run.Report{First: int64(first)}
	for i := range n {
		out.Events = append(out.Events, run.RunnerEvent{Time: time.Unix(1700000000, 0), Type: run.Message, Data: fmt.Appendf(nil, `{"text":"%d"}`, first+i)})
	}
	return out
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *syncBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
