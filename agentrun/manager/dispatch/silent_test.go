package dispatch

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// A machine that Postgres ran on is gone, and all connections to it are open. The
// dispatcher goes on with the one that has taken its place.
func TestPostgresFallsSilent(t *testing.T) {
	needPostgres(t)
	w := newWorld(t, t)
	cfg, err := pgxpool.ParseConfig(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	store.Configure(cfg)
	fall := storetest.Silence(cfg)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	w.config.Store = &store.Store{Pool: pool, Now: w.wall.now}
	w.config.Limits.Answer = 300 * time.Millisecond
	d := w.loop(t)
	for range 2 {
		r := w.submit(run.Request{})
		w.until("a Job", func() bool {
			d.Wake()
			return w.named("jobs", jobName(r.ID, "1")) != nil
		})
		fall()
	}
}
