package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/fail"
)

// schema brings the database's schema up to date once Postgres is there.
type schema struct {
	pool    *pgxpool.Pool
	timeout time.Duration // what errors speak of
	log     *slog.Logger
	done    chan struct{} // closed when it is up to date
	hurry   chan struct{} // somebody waits for it
	why     atomic.Pointer[string]
}

func newSchema(pool *pgxpool.Pool, timeout time.Duration, log *slog.Logger) *schema {
	return &schema{pool: pool, timeout: timeout, log: log, done: make(chan struct{}), hurry: make(chan struct{}, 1)}
}

// run tries until it has succeeded or ctx ends.
func (s *schema) run(ctx context.Context) {
	said := ""
	for {
		err := store.Migrate(ctx, s.pool)
		if err == nil {
			close(s.done)
			return
		}
		if ctx.Err() != nil {
			return
		}
		if why := postgresReason(err, s.timeout); why != said {
			said = why
			s.why.Store(&why)
			s.log.Warn("the schema is not up to date; it is tried again", "reason", why, "hint", migrationHint(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.hurry:
		case <-time.After(2 * time.Second):
		}
	}
}

// wait reports whether the schema is up to date before ctx ends.
func (s *schema) wait(ctx context.Context) bool {
	select {
	case <-s.done:
		return true
	default:
	}
	select {
	case s.hurry <- struct{}{}:
	default:
	}
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// reason says why the schema is not up to date yet.
func (s *schema) reason() string {
	if why := s.why.Load(); why != nil {
		return "the database's schema is not up to date yet; the last try: " + *why
	}
	return "the database's schema is not up to date yet"
}

// first lets requests through once the schema is up to date: before that there may be
// no table to ask. It waits for as long as Postgres may take to answer.
func (s *schema) first(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
		defer cancel()
		if !s.wait(ctx) {
			api.Unavailable(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// migrationHint says what to do about what stands in a migration's way.
func migrationHint(err error) string {
	if stuck, ok := errors.AsType[*store.StuckError](err); ok {
		return stuck.Hint
	}
	return "see whether Postgres runs and DATABASE_URL is right"
}

// OpenStore opens the database of that URL and brings its schema up to date, for
// commands beside a running manager. The caller calls close.
func OpenStore(ctx context.Context, databaseURL string) (s *store.Store, closePool func(), err error) {
	database, err := parseDatabaseURL(databaseURL)
	if err != nil {
		return nil, nil, &fail.Error{Code: fail.Usage, Err: fmt.Errorf("DATABASE_URL %w", err), Hint: "see --help for the environment variables"}
	}
	store.Configure(database)
	pool, err := pgxpool.NewWithConfig(ctx, database)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	if err := store.Migrate(ctx, pool); err != nil {
		pool.Close()
		hint := "see whether the manager can reach it: its /readyz says why not"
		if _, ok := errors.AsType[*store.StuckError](err); ok {
			hint = migrationHint(err)
		}
		return nil, nil, fail.Fail("DATABASE_URL", hint, "%s", postgresReason(err, database.ConnConfig.ConnectTimeout))
	}
	return &store.Store{Pool: pool, Now: time.Now}, pool.Close, nil
}
