package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// end is what a step leaves in the run's row besides its state.
type end struct {
	message string
	result  []byte // JSON, nil for none; of the last attempt that has ended
	backoff time.Duration
}

// transition applies step to the run in tx, which holds the run's row from here
// on: steps of one run happen one after the other, whichever replica they come
// from. Every change of state is also an event. When the step changes nothing,
// nothing is written. The caller calls changed after the commit. The error wraps what run.Status.Apply refuses, or is
// ErrNotFound.
func (s *Store) transition(ctx context.Context, tx pgx.Tx, id uuid.UUID, step run.Step, e end) (before, after run.Status, err error) {
	err = tx.QueryRow(ctx, `
		select state, attempt, max_attempts, cancel_asked_at is not null
		from runs where id = $1 for update`, id,
	).Scan(&before.State, &before.Attempt, &before.MaxAttempts, &before.Cancelling)
	if errors.Is(err, pgx.ErrNoRows) {
		return before, before, ErrNotFound
	}
	if err != nil {
		return before, before, fmt.Errorf("reading the run's state: %w", err)
	}
	after, err = before.Apply(step)
	if err != nil || after == before {
		return before, before, err
	}
	now := s.now()
	reason := run.Reason("")
	if after.State == run.Failed || after.State == run.Queued {
		reason = step.Reason
	}
	_, err = tx.Exec(ctx, `
		update runs set
			state = $2, attempt = $3, reason = $4, message = $5, result = case when $10 or $2 = 'queued' then $6 else result end,
			cancel_asked_at = case when $7 then coalesce(cancel_asked_at, $8) end,
			not_before = case when $2 = 'queued' then $9 else not_before end,
			started_at = case when $2 = 'running' then coalesce(started_at, $8) else started_at end,
			finished_at = case when $10 then $8 end
		where id = $1`,
		id, after.State, after.Attempt, reason, e.message, e.result, after.Cancelling, now, now.Add(e.backoff), after.State.Terminal())
	if err != nil {
		return before, before, fmt.Errorf("writing the run's state: %w", err)
	}
	data, err := json.Marshal(run.StateData{
		State: after.State, Cancelling: after.Cancelling && !after.State.Terminal(), Reason: reason, Message: e.message,
	})
	if err != nil {
		return before, before, err
	}
	_, err = tx.Exec(ctx, `
		with next as (update runs set last_seq = last_seq + 1 where id = $1 returning last_seq)
		insert into events (run_id, seq, attempt, at, type, data) select $1, last_seq, $2, $3, $4, $5 from next`,
		id, after.Attempt, now, run.StateChanged, data)
	if err != nil {
		return before, before, fmt.Errorf("writing the event: %w", err)
	}
	return before, after, nil
}
