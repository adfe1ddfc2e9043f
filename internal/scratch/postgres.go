package scratch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Postgres is a real Postgres server, running until Stop or Close. It listens on
// a unix socket alone, so no two servers compete for a port and DSN stays true
// over Stop and Start. It trades durability for speed, unless its settings say
// otherwise: nothing is synced. Its methods are not for concurrent use.
type Postgres struct {
	DSN string // postgres:// URL of the superuser; its throw-away password needs URL encoding

	programs string // folder of initdb and postgres
	data     string
	socket   string // folder of the unix socket
	log      string
	settings []string
	process  *child.Process // nil when stopped
}

// StartPostgres makes a new database cluster in dir, an existing folder, starts
// it, and returns once it answers. Root may not run Postgres: it then runs as
// the user postgres, or else nobody. That Postgres is not installed is an error
// for child.Missing. Settings are name=value each, as in postgresql.conf.
func StartPostgres(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	programs, err := postgresPrograms(debianPostgres)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("starting postgres: %w", err)
	}
	// Not in dir: the path of a socket has at most 107 bytes.
	socket, err := os.MkdirTemp("", "pg-")
	if err != nil {
		return nil, fmt.Errorf("starting postgres: %w", err)
	}
	password := "/@:%" + rand.Text()
	p := &Postgres{
		DSN: (&url.URL{
			Scheme: "postgres", User: url.UserPassword(superuser, password), Path: "/postgres",
			RawQuery: url.Values{"host": {socket}, "sslmode": {"disable"}}.Encode(),
		}).String(),
		programs: programs,
		data:     filepath.Join(dir, "data"),
		socket:   socket,
		log:      filepath.Join(dir, "postgres.log"),
		settings: settings,
	}
	if err = p.initdb(ctx, password); err == nil {
		err = p.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

const superuser = "scratch"

func (p *Postgres) initdb(ctx context.Context, password string) error {
	cmd, err := p.command("initdb", "--pgdata="+p.data, "--username="+superuser, "--pwfile=/dev/stdin",
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	var out strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(password+"\n"), &out, &out
	err = child.Run(ctx, cmd)
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fail.Fail(p.data, "give it an empty folder that it can write", "making a database cluster: %w\n%s", err, out.String())
}

// Start starts a stopped server again, with its data and DSN, and returns once
// it answers.
func (p *Postgres) Start(ctx context.Context) error {
	args := []string{
		"-D", p.data, "-k", p.socket, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=50",
	}
	for _, s := range p.settings { // the last word counts
		args = append(args, "-c", s)
	}
	cmd, err := p.command("postgres", args...)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	defer log.Close() // the server has its own handle
	cmd.Stdout, cmd.Stderr = log, log
	if p.process, err = child.Start(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("it did not answer in time"))
	defer cancel()
	if err := p.answers(ctx); err != nil {
		return errors.Join(fmt.Errorf("starting postgres: %w", err), p.Stop())
	}
	return nil
}

// answers waits until the server does.
func (p *Postgres) answers(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, p.DSN)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.process.Done():
			return fail.Fail(p.log, "read this log", "%w", errEnded)
		case <-ctx.Done():
			return fail.Fail(p.log, "read this log", "%w", context.Cause(ctx))
		}
	}
}

// Pid is the server's process id, 0 when it is stopped; its children do the work.
func (p *Postgres) Pid() int {
	if p.process == nil {
		return 0
	}
	return p.process.Pid()
}

// Stop ends the server, dropping its connections, and returns when it is gone.
// It does nothing to a stopped server.
func (p *Postgres) Stop() error {
	if p.process == nil {
		return nil
	}
	defer func() { p.process = nil }()
	// Its fast shutdown. Being asked to end in the usual way, it would first
	// wait for its clients to go.
	if err := syscall.Kill(p.process.Pid(), syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping postgres: %w", err)
	}
	select {
	case <-p.process.Done():
	case <-time.After(child.Grace):
		p.process.Stop()
	}
	return nil
}

// Crash ends the server at once, without its saying goodbye to clients or writing
// down what it has in memory, and returns when it is gone. What it confirmed is
// there after Start to those who asked for synchronous_commit.
func (p *Postgres) Crash() error {
	if p.process == nil {
		return nil
	}
	defer func() { p.process = nil }()
	// Its immediate shutdown. Killed outright, it would leave its children and their
	// shared memory to the next one.
	if err := syscall.Kill(p.process.Pid(), syscall.SIGQUIT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("crashing postgres: %w", err)
	}
	<-p.process.Done()
	return nil
}

// Close stops the server and removes its socket. What is in dir stays.
func (p *Postgres) Close() error {
	return errors.Join(p.Stop(), os.RemoveAll(p.socket))
}
