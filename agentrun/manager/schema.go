package manager

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

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
}

func newSchema(pool *pgxpool.Pool, timeout time.Duration, log *slog.Logger) *schema {
	return &schema{pool, timeout, log, make(chan struct{}), make(chan struct{}, 1)}
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
			s.log.Warn("the schema is not up to date", "reason", why)
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
		return nil, nil, fail.Fail("DATABASE_URL", "see whether the manager can reach it: its /readyz says why not", "%s", postgresReason(err, database.ConnConfig.ConnectTimeout))
	}
	return &store.Store{Pool: pool, Now: time.Now}, pool.Close, nil
}
