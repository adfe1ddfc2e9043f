package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// OpenAttempt is an attempt that has not ended, and so the last one of a run that is
// starting or running.
type OpenAttempt struct {
	RunID           string
	Attempt         int
	State           run.AttemptState // pending, scheduled or claimed
	JobName         string
	JobUID          string // "" until the Job is known to exist
	PodUID          string // "" until it is claimed
	Cancelling      bool   // somebody asked for the run's end
	DeadlineSeconds int
	Beat            time.Time // the last sign of life, by the database's clock; zero before the first
}

// Open lists the attempts that have not ended. It reads them alone, however many
// there were before.
func (s *Store) Open(ctx context.Context) ([]OpenAttempt, error) {
	rows, err := s.Pool.Query(ctx, openQuery)
	if err != nil {
		return nil, fmt.Errorf("listing open attempts: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (OpenAttempt, error) {
		var a OpenAttempt
		var id uuid.UUID
		var beat *time.Time
		err := row.Scan(&id, &a.Attempt, &a.State, &a.JobName, &a.JobUID, &a.PodUID, &a.Cancelling, &a.DeadlineSeconds, &beat)
		a.RunID = id.String()
		if beat != nil {
			a.Beat = beat.UTC()
		}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing open attempts: %w", err)
	}
	return all, nil
}

const openQuery = `
select a.run_id, a.attempt, a.state, a.job_name, a.job_uid, a.pod_uid, r.cancel_asked_at is not null,
	(r.spec->>'deadlineSeconds')::int, a.heartbeat_at
from attempts a join runs r on r.id = a.run_id
where a.state in ('pending', 'scheduled', 'claimed')
order by a.run_id`

// Lose ends an attempt whose runner did not say how it ended. The run is queued again
// when the reason is transient and it may have another attempt, after RetryDelay; it is
// cancelled when that was asked for, and has failed otherwise. No reason is for what
// is only cancelled.
//
// The attempt must still be as a says: when its state has changed, somebody asked for
// its end, or it has given a sign of life, it is run.ErrSuperseded and nothing has
// happened.
func (s *Store) Lose(ctx context.Context, a OpenAttempt, reason run.Reason, message string) (run.State, error) {
	u, err := runID(a.RunID)
	if err != nil {
		return "", err
	}
	if reason == "" && !a.Cancelling {
		return "", fmt.Errorf("giving up an attempt without a reason: %w", run.ErrNotNow)
	}
	message = storable(message)
	var after run.Status
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		now, err := s.lockAttempt(ctx, tx, u, a.Attempt)
		if err != nil {
			return err
		}
		var beat *time.Time
		if err := tx.QueryRow(ctx, `select heartbeat_at from attempts where run_id = $1 and attempt = $2`, u, a.Attempt).Scan(&beat); err != nil {
			return fmt.Errorf("reading the attempt's last sign of life: %w", err)
		}
		if beat == nil {
			beat = new(time.Time)
		}
		if now.attemptState != a.State || now.cancel != a.Cancelling || !beat.Equal(a.Beat) {
			return run.ErrSuperseded
		}
		step := run.Step{Kind: run.Lose, Attempt: a.Attempt, Reason: reason}
		if _, after, err = s.transition(ctx, tx, u, step, end{message: message, backoff: RetryDelay(a.Attempt)}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update attempts set state = 'lost', ended_at = $3, reason = $4, message = $5 where run_id = $1 and attempt = $2`,
			u, a.Attempt, s.now(), reason, message)
		if err != nil {
			return fmt.Errorf("ending the attempt: %w", err)
		}
		return nil
	})
	if errors.Is(err, run.ErrTerminal) || errors.Is(err, run.ErrNotNow) {
		return "", run.ErrSuperseded
	}
	if err != nil {
		return "", fmt.Errorf("giving up an attempt: %w", err)
	}
	s.changed(u)
	return after.State, nil
}

// JobNameOf is JobName for an id in text.
func JobNameOf(id string, attempt int) (string, error) {
	u, err := runID(id)
	if err != nil {
		return "", err
	}
	return JobName(u, attempt), nil
}
