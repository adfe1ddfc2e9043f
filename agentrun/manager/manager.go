package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/dispatch"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Manager is a checked Config, ready to run once.
type Manager struct {
	cfg      Config
	database *pgxpool.Config
}

// Run listens on Config.Listen and serves until ctx ends. A shutdown that
// finishes every request is no error.
func (m *Manager) Run(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", m.cfg.Listen)
	if err != nil {
		return fail.Fail(m.cfg.Listen, "free the address or listen on another", "listening: %w", err)
	}
	return m.Serve(ctx, ln)
}

// Serve is Run on a listener, which it closes.
func (m *Manager) Serve(ctx context.Context, ln net.Listener) error {
	// The pool outlives ctx: requests under way still need it.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), m.database)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the connection pool: %w", err), ln.Close())
	}
	defer pool.Close()
	db := &store.Store{Pool: pool, Now: time.Now}
	hub := api.NewHub(db, m.cfg.Log)
	template := template(func() (*batchv1.Job, error) { return ReadJobTemplate(m.cfg.JobTemplate) })
	var runners gate
	var dispatcher *dispatch.Dispatcher
	if c := m.cfg.Cluster; c != nil {
		runners, dispatcher = c.gate(template), c.dispatcher(db, template, m.cfg.Log)
	}
	upToDate := newSchema(pool, m.cfg.ReadyTimeout, m.cfg.Log)
	ready := &readiness{pool: pool, schema: upToDate, jobTemplate: m.cfg.JobTemplate, timeout: m.cfg.ReadyTimeout, log: m.cfg.Log}
	srv := &http.Server{
		Handler:           m.handler(db, hub, runners, ready),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      m.cfg.ReadyTimeout + 20*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(m.cfg.Log.Handler(), slog.LevelWarn),
	}
	srv.RegisterOnShutdown(hub.Close) // streams never end by themselves
	v := m.cfg.Version
	m.cfg.Log.Info("listening", "address", ln.Addr().String(), "lane", v.Lane, "commit", v.Commit, "digest", v.Digest)
	ended := make(chan error, 2)
	go func() { ended <- fmt.Errorf("serving on %s: %w", ln.Addr(), srv.Serve(ln)) }()

	// What runs beside the server: the hub as long as there may be streams, the
	// dispatcher until the shutdown begins.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	dispatching, stopDispatching := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	defer stopDispatching()
	work.Go(func() { upToDate.run(beside) })
	// Before the schema is there, they would ask for tables that are not.
	work.Go(func() {
		if upToDate.wait(beside) {
			hub.Run(beside)
		}
	})
	if dispatcher != nil {
		work.Go(func() {
			if upToDate.wait(dispatching) {
				dispatcher.Run(dispatching)
			}
		})
	}
	select {
	case err := <-ended:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	return m.shutdown(srv, ready, ended)
}

// shutdown ends srv in the order that the package promises.
func (m *Manager) shutdown(srv *http.Server, ready *readiness, ended <-chan error) error {
	m.cfg.Log.Info("shutting down", "drainDelay", m.cfg.DrainDelay.String(), "shutdownTimeout", m.cfg.ShutdownTimeout.String())
	ready.draining.Store(true)
	select {
	case err := <-ended:
		return err
	case <-time.After(m.cfg.DrainDelay):
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.cfg.ShutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return errors.Join(fail.Fail("shutdown", "give it a longer --shutdown-timeout, or see what takes that long",
			"requests were still under way after %v and were cut off", m.cfg.ShutdownTimeout), srv.Close())
	}
	m.cfg.Log.Info("stopped")
	return nil
}
