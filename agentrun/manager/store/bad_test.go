package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/scratch"
)

func TestReplicasMigrateAtOnce(t *testing.T) {
	dsn := newDatabase(t)
	together(4, func(int) {
		if err := Migrate(t.Context(), connect(t, dsn)); err != nil {
			t.Error(err)
		}
	})
	s := &Store{Pool: connect(t, dsn), Now: time.Now}
	profiles, err := s.Profiles(t.Context())
	if err != nil || len(profiles) != 1 || profiles[0] != run.DefaultProfile() {
		t.Errorf("%+v, %v", profiles, err)
	}
}

// A release brings a newer schema while replicas of the one before start again.
func TestReplicasOfTwoReleases(t *testing.T) {
	dsn := newDatabase(t)
	newer := fstest.MapFS{"00099_more.sql": {Data: []byte("-- +goose Up\nalter table projects add column more text;\n")}}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		newer[name] = &fstest.MapFile{Data: data}
	}
	together(4, func(i int) {
		var err error
		if i%2 == 0 {
			err = (&migration{pool: connect(t, dsn), files: newer, silence: silenceLimit, turn: turnLimit}).run(t.Context())
		} else {
			err = Migrate(t.Context(), connect(t, dsn))
		}
		if err != nil {
			t.Errorf("replica %d: %v", i, err)
		}
	})
	s := openAt(t, dsn) // of the older release again
	var more *string
	if err := s.Pool.QueryRow(t.Context(), "select more from projects").Scan(&more); err != nil {
		t.Errorf("the newer schema is gone: %v", err)
	}
	running(t, s, run.Request{})
}

// Postgres restarts in the middle of everything; runners send again until they are
// answered. Nothing is lost and nothing is there twice.
func TestPostgresRestartsWhileEventsCome(t *testing.T) {
	p := ownPostgres(t)
	s := openAt(t, p.DSN)
	const runs, n = 3, 300
	ids := make([]string, runs)
	for i := range ids {
		ids[i] = running(t, s, run.Request{}).ID
	}
	done, restarted := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		together(runs, func(i int) {
			next := int64(1)
			for next <= n {
				if next > n/2 { // so that it restarts in the middle, however slow that is
					select {
					case <-restarted:
					case <-t.Context().Done():
						return
					}
				}
				receipt, _, err := s.Append(t.Context(), ids[i], 1, pod, report(int(next), min(5, n+1-int(next))))
				if err == nil {
					next = receipt.NextEvent
				} else if t.Context().Err() != nil {
					return
				} else if !Unavailable(err) {
					t.Errorf("not known as something that passes: %v", err)
					return
				} else {
					time.Sleep(5 * time.Millisecond)
				}
			}
			for {
				_, err := s.Finish(t.Context(), ids[i], 1, pod, run.Ending{State: run.Succeeded})
				if err == nil || !Unavailable(err) {
					is(t, err, nil)
					return
				}
			}
		})
	}()
	for restarts := range 4 {
		time.Sleep(50 * time.Millisecond) // for some to come
		if err := errors.Join(p.Stop(), p.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		if restarts == 0 {
			close(restarted)
		}
	}
	<-done
	s.Pool.Reset() // of connections to a server that is gone: what reads here asks once
	for _, id := range ids {
		wantTexts(t, s, id, n)
	}
}

func TestUnavailable(t *testing.T) {
	p := ownPostgres(t)
	s := openAt(t, p.DSN)
	r := submit(t, s, run.Request{})
	try := func(why string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, _, err := s.Submit(ctx, project, run.Request{Prompt: "x"}, "", ""); !Unavailable(err) {
			t.Errorf("%s: %v", why, err)
		}
		if _, err := s.Get(ctx, project, r.ID); !Unavailable(err) {
			t.Errorf("%s: %v", why, err)
		}
	}

	// Somebody else has all connections.
	s.Pool.Reset()
	var taken []*pgx.Conn
	for {
		conn, err := pgx.Connect(t.Context(), p.DSN)
		if err != nil {
			break
		}
		taken = append(taken, conn)
	}
	try("out of connections")
	for _, conn := range taken {
		conn.Close(t.Context())
	}

	// Somebody holds the row.
	tx, err := s.Pool.Begin(t.Context())
	for tries := 0; err != nil && tries < 3000; tries++ { // the others' are closed, and their backends may go on for a moment
		time.Sleep(10 * time.Millisecond)
		tx, err = s.Pool.Begin(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from runs for update"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := s.Cancel(ctx, project, r.ID); !Unavailable(err) {
		t.Errorf("a row that is held: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	try("stopped")
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), project, r.ID); err != nil || got.State != run.Queued {
		t.Errorf("%+v, %v", got, err)
	}
	for _, err := range []error{nil, ErrNotFound, run.ErrSuperseded, &GapError{}, errors.New("x")} {
		if Unavailable(err) {
			t.Errorf("%v passes by itself", err)
		}
	}
}

func ownPostgres(t *testing.T) *scratch.Postgres {
	t.Helper()
	newDatabase(t) // skips when there is no Postgres
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// A page of events is found by the primary key, however many there are.
func TestAPageOfAMillionEvents(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	err := pgx.BeginFunc(t.Context(), s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "set local statement_timeout = 0"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `
			insert into events (run_id, seq, attempt, at, type, data)
			select case when n > 500000 then $1 else md5((n / 1000)::text)::uuid end, n + 3, 1, now(), 'message', '{"text":"x"}'
			from generate_series(1, 1000000) n`, r.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pool.Exec(t.Context(), "analyze events"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Pool.Query(t.Context(), "explain (analyze, buffers, costs off, timing off, summary off) "+pageQuery, r.ID, 750000, 200, maxPageBytes)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(lines, "\n")
	if !strings.Contains(plan, "Index Scan using events_pkey") || strings.Contains(plan, "Sort") || strings.Contains(plan, "Removed by Filter") ||
		!strings.Contains(plan, "Index Cond: ((run_id = ") || !strings.Contains(plan, "(seq > ") {
		t.Errorf("the plan is\n%s", plan)
	}
	var hit, read int
	for _, line := range lines {
		if _, rest, ok := strings.Cut(line, "Buffers: shared "); ok {
			_, _ = fmt.Sscanf(strings.NewReplacer("hit=", "", "read=", "").Replace(rest), "%d %d", &hit, &read)
			break
		}
	}
	if hit+read == 0 || hit+read > 300 {
		t.Errorf("200 events took %d pages:\n%s", hit+read, plan)
	}
}
