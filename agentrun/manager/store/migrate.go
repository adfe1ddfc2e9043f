package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/pikasTech/agentrun/agentrun/run"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The limits of Migrate. A migration itself has none: it goes on as long as Postgres says
// that it is at work.
const (
	silenceLimit = 30 * time.Second // of Postgres about it
	turnLimit    = 5 * time.Minute  // for the managers that migrate before
	tableLimit   = "30s"            // for a table that somebody else uses: meanwhile whoever comes later waits as well
	ghostLimit   = "1min"           // then Postgres takes the turn from a manager that is gone
)

// Migrate brings the schema up to date and adds the default profile when there is
// none. Replicas that start at once do it one after the other; a schema that is
// newer than this program is left as it is, so the replicas of the last release go
// on during a new one. It never waits without limit: a *StuckError says what for.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return (&migration{pool: pool, files: files, silence: silenceLimit, turn: turnLimit}).run(ctx)
}

// StuckError is that Migrate gave up waiting. It may be called again: a migration
// happened as a whole or not at all.
type StuckError struct {
	Step string // what it was at
	Why  string
	Hint string // what to do
}

func (e *StuckError) Error() string {
	return "migrating the database was given up while " + e.Step + ": " + e.Why
}

// migration is one call of Migrate.
type migration struct {
	pool    *pgxpool.Pool // looks at it from outside
	files   fs.FS
	silence time.Duration
	turn    time.Duration

	backend atomic.Int64           // Postgres' process that does it, once it is known
	step    atomic.Pointer[string] // what it is at
}

func (m *migration) at(step string) { m.step.Store(&step) }

func (m *migration) run(ctx context.Context) error {
	m.at("connecting")
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { m.watch(ctx, stop) })
	err := m.all(ctx)
	stuck, _ := errors.AsType[*StuckError](context.Cause(ctx))
	stop(nil)
	watching.Wait()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
		stuck = &StuckError{
			*m.step.Load(), "others have used a table that it changes for " + tableLimit,
			"see pg_stat_activity for transactions that stay open",
		}
	}
	if err != nil && stuck != nil {
		return stuck
	}
	return err
}

func (m *migration) all(ctx context.Context) error {
	cfg := m.pool.Config().ConnConfig
	delete(cfg.RuntimeParams, "statement_timeout") // a migration may take longer than a request
	cfg.RuntimeParams["lock_timeout"], cfg.RuntimeParams["idle_session_timeout"] = tableLimit, ghostLimit
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(m.met))
	defer db.Close()
	db.SetMaxOpenConns(1) // the one that is watched
	provider, err := goose.NewProvider(goose.DialectPostgres, db, m.files, goose.WithSessionLocker(locker{m}))
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	m.at("adding the default profile")
	spec, err := json.Marshal(run.DefaultProfile())
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "insert into profiles (name, spec) values ($1, $2) on conflict do nothing", run.DefaultProfile().Name, string(spec)); err != nil {
		return fmt.Errorf("adding the default profile: %w", err)
	}
	return nil
}

// met learns who does the work. What a pooler says when it connects may be another's.
func (m *migration) met(ctx context.Context, conn *pgx.Conn) error {
	var pid int64
	if err := conn.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		return fmt.Errorf("asking Postgres who it is: %w", err)
	}
	m.backend.Store(pid)
	return nil
}

// locker takes the lock that managers migrate under, goose's own: those of other releases
// take it too.
type locker struct{ *migration }

// SessionLock is part of lock.SessionLocker.
func (l locker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	const step = "waiting for its turn"
	l.at(step)
	for began := time.Now(); ; {
		var mine bool
		if err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock($1)", lock.DefaultLockID).Scan(&mine); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		if mine {
			l.at("applying migrations")
			return nil
		}
		if time.Since(began) >= l.turn {
			return &StuckError{
				step, fmt.Sprintf("another manager has been at it for %v", l.turn),
				fmt.Sprintf("see pg_locks for who holds the advisory lock %d, and pg_stat_activity for what it does", lock.DefaultLockID),
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Second, l.turn)):
		}
	}
}

// SessionUnlock is part of lock.SessionLocker. ctx does not end: the limit is our own.
func (l locker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.silence)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "select pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
		return fmt.Errorf("ending its turn: %w", err)
	}
	return nil
}
