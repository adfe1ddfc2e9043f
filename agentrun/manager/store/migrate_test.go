package store

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3/lock"
)

// taking is a migration that takes that many seconds.
func taking(t *testing.T, pool *pgxpool.Pool, seconds string) *migration {
	t.Helper()
	return &migration{
		pool: pool, silence: 1500 * time.Millisecond, turn: time.Minute,
		files: fstest.MapFS{"00001_slow.sql": {Data: []byte("-- +goose Up\nselect pg_sleep(" + seconds + ");\n" +
			"create table profiles (name text primary key, spec jsonb);\n")}},
	}
}

// wire is a connection that can fall silent: nothing comes and goes, and nobody says so.
type wire struct {
	net.Conn
	silent *atomic.Bool
}

func (w wire) Write(b []byte) (int, error) {
	if w.silent.Load() {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

func (w wire) Read(b []byte) (int, error) {
	for {
		n, err := w.Conn.Read(b)
		if err != nil || !w.silent.Load() {
			return n, err
		}
	}
}

// wired is a pool whose connections fall silent with the flag they were made under.
func wired(t *testing.T, dsn string, flag *atomic.Pointer[atomic.Bool]) *pgxpool.Pool {
	t.Helper()
	flag.Store(new(atomic.Bool))
	cfg := connect(t, dsn).Config()
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return wire{conn, flag.Load()}, err
	}
	cfg.ConnConfig.ConnectTimeout = time.Minute // nobody but the migration gives up
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// asleep waits until a migration is under way in the database.
func asleep(t *testing.T, dsn string) {
	t.Helper()
	pool := connect(t, dsn)
	for range 3000 {
		var yes bool
		err := pool.QueryRow(t.Context(), "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')").Scan(&yes)
		if err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no migration is under way")
}

func wantStuck(t *testing.T, err error, step, why string) {
	t.Helper()
	stuck, ok := errors.AsType[*StuckError](err)
	if !ok || stuck.Step != step || !strings.Contains(stuck.Why, why) || stuck.Hint == "" {
		t.Errorf("got %v, want that it was stuck while %s: %s", err, step, why)
	}
}

// A migration under way is given up when Postgres falls silent, wholly or because another
// machine has taken the place of the one that knew of it.
func TestMigratingASilentPostgres(t *testing.T) {
	for name, replaced := range map[string]bool{"nobody answers": false, "another answers": true} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			var flag atomic.Pointer[atomic.Bool]
			seconds := "60"
			if replaced {
				seconds = "5" // then whoever asks about it hears that it has nothing to do
			}
			m := taking(t, wired(t, dsn, &flag), seconds)
			end := make(chan error, 1)
			go func() { end <- m.run(t.Context()) }()
			asleep(t, dsn)
			silent := flag.Load()
			if replaced {
				flag.Store(new(atomic.Bool))
			}
			silent.Store(true)
			wantStuck(t, <-end, "applying migrations", "has said nothing for")
		})
	}
}

// What accepts a connection and says nothing is no Postgres, or one that hangs.
func TestMigratingWhereNobodySpeaks(t *testing.T) {
	dsn := newDatabase(t)
	var flag atomic.Pointer[atomic.Bool]
	pool := wired(t, dsn, &flag)
	flag.Load().Store(true)
	wantStuck(t, taking(t, pool, "0").run(t.Context()), "connecting", "has said nothing for")
}

// A migration that takes longer than every limit is left alone while Postgres works on it.
func TestALongMigrationIsLeftAlone(t *testing.T) {
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	if err := taking(t, pool, "4").run(t.Context()); err != nil {
		t.Error(err)
	}
	// The other replica has waited, and finds nothing to do.
	if err := taking(t, pool, "4").run(t.Context()); err != nil {
		t.Error(err)
	}
}

// Who waits for another's migration does not for ever, and may come again.
func TestMigrationsWaitTheirTurn(t *testing.T) {
	dsn := newDatabase(t)
	first, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(context.WithoutCancel(t.Context()))
	if _, err := first.Exec(t.Context(), "select pg_advisory_lock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	pool := connect(t, dsn)
	m := taking(t, pool, "0")
	m.turn = 200 * time.Millisecond
	wantStuck(t, m.run(t.Context()), "waiting for its turn", "another manager has been at it for 200ms")

	end := make(chan error, 1)
	go func() { end <- taking(t, pool, "0").run(t.Context()) }()
	if _, err := first.Exec(t.Context(), "select pg_sleep(1), pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != nil {
		t.Error(err)
	}
}
