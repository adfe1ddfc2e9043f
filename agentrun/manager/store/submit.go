package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Submit queues what a user asks for, which must pass Request.Check. With a key
// that was used before in the project it gives the run that was made then, and false;
// if that was asked for otherwise, it is ErrKeyReused. "" is no key. retryOf is the
// run that this one is made from, or "". It refuses with ErrNoProfile and ErrNoProject.
func (s *Store) Submit(ctx context.Context, project string, req run.Request, key, retryOf string) (made run.Run, created bool, err error) {
	if req.Profile == "" {
		req.Profile = run.DefaultProfile().Name
	}
	if req.Labels == nil {
		req.Labels = map[string]string{}
	}
	hash, err := requestHash(req, retryOf)
	if err != nil {
		return run.Run{}, false, err
	}
	profile, err := s.profile(ctx, req.Profile)
	if err != nil {
		return run.Run{}, false, err
	}
	if req.MaxAttempts > 0 {
		profile.MaxAttempts = req.MaxAttempts
	}
	if req.Deadline > 0 {
		profile.DeadlineSeconds = req.Deadline
	}
	made, err = s.insertRun(ctx, project, req, profile, key, retryOf, hash)
	if err == nil {
		id, _ := runID(made.ID)
		s.changed(id)
		return made, true, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return run.Run{}, false, err
	}
	// The key is there. Its row is committed: the insert waited for that.
	var there []byte
	var id uuid.UUID
	err = s.Pool.QueryRow(ctx, `select id, request_hash from runs where project = $1 and idempotency_key = $2`, project, key).Scan(&id, &there)
	if err != nil {
		return run.Run{}, false, fmt.Errorf("reading the run of an idempotency key: %w", err)
	}
	if string(there) != string(hash) {
		return run.Run{}, false, ErrKeyReused
	}
	made, err = s.Get(ctx, project, id.String())
	return made, false, err
}

// insertRun writes the run and its first event in one statement. It is ErrNotFound
// when the key is there already.
func (s *Store) insertRun(ctx context.Context, project string, req run.Request, profile run.Profile, key, retryOf string, hash []byte) (run.Run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return run.Run{}, fmt.Errorf("making an id: %w", err)
	}
	spec, err := json.Marshal(profile)
	if err != nil {
		return run.Run{}, err
	}
	labels, err := json.Marshal(req.Labels)
	if err != nil {
		return run.Run{}, err
	}
	data, err := json.Marshal(run.StateData{State: run.Queued})
	if err != nil {
		return run.Run{}, err
	}
	made, err := scanRun(s.Pool.QueryRow(ctx, `
		with made as (
			insert into runs (id, project, idempotency_key, request_hash, retry_of, prompt, profile, spec, labels, priority,
				max_attempts, state, not_before, last_seq, created_at)
			values ($1, $2, nullif($3, ''), $4, nullif($5, '')::uuid, $6, $7, $8, $9, $10, $11, 'queued', $12, 1, $12)
			on conflict (project, idempotency_key) do nothing
			returning *
		), event as (
			insert into events (run_id, seq, attempt, at, type, data) select id, 1, 0, $12, $13, $14::json from made
		)
		select `+runColumns+` from made`,
		id, project, key, hash, retryOf, []byte(req.Prompt), profile.Name, string(spec), string(labels), req.Priority,
		profile.MaxAttempts, s.now(), run.StateChanged, string(data)))
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.ConstraintName == "runs_project_fkey" {
		return run.Run{}, ErrNoProject
	}
	return made, err
}

// requestHash tells requests apart.
func requestHash(req run.Request, retryOf string) ([]byte, error) {
	data, err := json.Marshal(struct {
		Request run.Request
		RetryOf string
	}{req, retryOf}, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}

// Retry makes a new run from one that has ended, else it is ErrNotEnded. The key is
// as in Submit.
func (s *Store) Retry(ctx context.Context, project, id, key string) (made run.Run, created bool, err error) {
	old, err := s.Get(ctx, project, id)
	if err != nil {
		return run.Run{}, false, err
	}
	if !old.State.Terminal() {
		return run.Run{}, false, ErrNotEnded
	}
	return s.Submit(ctx, old.Project, run.Request{
		Prompt: old.Prompt, Profile: old.Profile, Labels: old.Labels, Priority: old.Priority,
		MaxAttempts: old.MaxAttempts, Deadline: old.DeadlineSeconds,
	}, key, old.ID)
}

// Cancel asks for the end of a run: a queued one has ended at once, the attempt of
// another hears of it. It is false for a run that has ended already, which stays as
// it is.
func (s *Store) Cancel(ctx context.Context, project, id string) (after run.Run, asked bool, err error) {
	u, err := runID(id)
	if err != nil {
		return run.Run{}, false, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		asked = true
		if _, err := scanRun(tx.QueryRow(ctx, `select `+runColumns+` from runs where id = $1 and ($2 = '' or project = $2)`, u, project)); err != nil {
			return err
		}
		_, _, err := s.transition(ctx, tx, u, run.Step{Kind: run.Cancel}, end{})
		if errors.Is(err, run.ErrTerminal) {
			asked, err = false, nil
		}
		if err != nil {
			return err
		}
		after, err = scanRun(tx.QueryRow(ctx, `select `+runColumns+` from runs where id = $1`, u))
		return err
	})
	if err != nil {
		return run.Run{}, false, err
	}
	if asked {
		s.changed(u)
	}
	return after, asked, nil
}
