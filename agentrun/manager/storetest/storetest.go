// Package storetest gives tests a store in a real Postgres, and plays the agent that
// works on its runs: what a dispatcher and a runner would write, a test writes by the
// store's own methods, one step at a time. It is imported by tests and measurements alone.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Open makes a new database in the server at dsn and gives a store on it, and the
// URL of the database. The caller closes the store's pool.
func Open(ctx context.Context, dsn string) (*store.Store, string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, "", fmt.Errorf("the server's URL is none")
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, "", fmt.Errorf("making a database: %w", err)
	}
	defer conn.Close(ctx)
	name := "d" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		return nil, "", fmt.Errorf("making a database: %w", err)
	}
	u.Path = "/" + name
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, "", fmt.Errorf("opening the database: %w", err)
	}
	store.Configure(cfg)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, "", fmt.Errorf("opening the database: %w", err)
	}
	s := &store.Store{Pool: pool, Now: time.Now}
	if err := store.Migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, "", err
	}
	return s, u.String(), nil
}

// Agent plays one attempt at a run.
type Agent struct {
	Store   *store.Store
	RunID   string
	Attempt int
	// Stored, when it is set, is given the events that were stored, as the manager's
	// API is.
	Stored func([]run.Event)

	next int64
}

const pod = "the-pod"

// Begin dispatches the run, which is queued, and claims its attempt.
func (a *Agent) Begin(ctx context.Context) error {
	id, err := uuid.Parse(a.RunID)
	if err != nil {
		return err
	}
	a.Attempt++
	err = pgx.BeginFunc(ctx, a.Store.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			with now as (update runs set state = 'starting', attempt = $2, last_seq = last_seq + 1 where id = $1 and state = 'queued' returning last_seq)
			insert into events (run_id, seq, attempt, at, type, data) select $1, last_seq, $2, now(), 'run.state', '{"state":"starting"}' from now`,
			id, a.Attempt)
		if err == nil {
			_, err = tx.Exec(ctx, `insert into attempts (run_id, attempt, state, job_name, job_uid, created_at) values ($1, $2, 'scheduled', $3, 'job', now())`,
				id, a.Attempt, store.JobName(id, a.Attempt))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("dispatching the run: %w", err)
	}
	assigned, err := a.Store.Claim(ctx, a.RunID, a.Attempt, pod)
	a.next = assigned.NextEvent
	return err
}

// Say reports one event; data is encoded as JSON.
func (a *Agent) Say(ctx context.Context, kind run.EventType, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	receipt, stored, err := a.Store.Append(ctx, a.RunID, a.Attempt, pod, run.Report{
		First: a.next, Events: []run.RunnerEvent{{Time: a.Store.Now(), Type: kind, Data: raw}},
	})
	a.tell(stored)
	a.next = receipt.NextEvent
	return err
}

// Keep stores a file.
func (a *Agent) Keep(ctx context.Context, name, mediaType string, content []byte) error {
	_, stored, err := a.Store.PutArtifact(ctx, a.RunID, a.Attempt, pod, run.Artifact{Name: name, MediaType: mediaType}, content)
	a.tell(stored)
	return err
}

// End ends the attempt.
func (a *Agent) End(ctx context.Context, e run.Ending) error {
	_, err := a.Store.Finish(ctx, a.RunID, a.Attempt, pod, e)
	return err
}

func (a *Agent) tell(stored []run.Event) {
	if a.Stored != nil && len(stored) > 0 {
		a.Stored(stored)
	}
}
