package scratch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/scratch"
)

func TestPostgresKeepsItsDataOverStopAndStart(t *testing.T) {
	p := startPostgres(t)
	query(t, p.DSN, "create table kept (n int)")

	// A client that stays does not keep the server from stopping.
	idle, err := pgx.Connect(t.Context(), p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close(context.WithoutCancel(t.Context()))
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if conn, err := pgx.Connect(t.Context(), p.DSN); err == nil {
		conn.Close(t.Context())
		t.Error("it answers although it is stopped")
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, p.DSN, "insert into kept values (1)")
}

// A crash takes nothing that was confirmed from those who waited for it.
func TestPostgresKeepsWhatItConfirmedOverACrash(t *testing.T) {
	p := startPostgres(t)
	query(t, p.DSN, "create table kept (n int)")
	conn, err := pgx.Connect(t.Context(), p.DSN+"&synchronous_commit=on")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "insert into kept values (1)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Crash(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, p.DSN, "select 1/count(*) from kept") // which fails when there is none
}

func TestPostgresAsksForItsPassword(t *testing.T) {
	p := startPostgres(t)
	cfg, err := pgx.ParseConfig(p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.DSN, cfg.Password) {
		t.Error("the password needs no URL encoding, so it cannot show who forgets it")
	}
	cfg.Password = "wrong"
	if conn, err := pgx.ConnectConfig(t.Context(), cfg); err == nil {
		conn.Close(t.Context())
		t.Error("any password will do")
	}
}

func TestPostgresThatCannotStart(t *testing.T) {
	p := startPostgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scratch.StartPostgres(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}

	used := t.TempDir()
	if err := os.MkdirAll(filepath.Join(used, "data", "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := scratch.StartPostgres(t.Context(), used)
	if err == nil || !strings.Contains(err.Error(), "exists but is not empty") || fail.HintOf(err) == "" {
		t.Errorf("a folder that is in use gives %v", err)
	}

	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	cfg, err := pgx.ParseConfig(p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(cfg.Host); err != nil { // its socket folder
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "ended") || fail.HintOf(err) == "" {
		t.Errorf("a server that ends gives %v", err)
	}
}

func startPostgres(t *testing.T) *scratch.Postgres {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if child.Missing(err) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
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

func query(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
