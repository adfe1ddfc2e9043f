package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Finish ends an attempt as its runner says, which must pass Ending.Check. Said
// again, whatever is said, nothing changes and the answer is the same: the first
// word counts. It refuses as Append does.
func (s *Store) Finish(ctx context.Context, id string, attempt int, podUID string, e run.Ending) (run.Receipt, error) {
	u, err := runID(id)
	if err != nil {
		return run.Receipt{}, err
	}
	e.Message = storable(e.Message)
	result, err := json.Marshal(e)
	if err != nil {
		return run.Receipt{}, fmt.Errorf("storing a result: %w", err)
	}
	var receipt run.Receipt
	done := false
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		a, err := s.lockAttempt(ctx, tx, u, attempt)
		if err != nil {
			return err
		}
		receipt = a.receipt()
		if a.attemptState == run.Ended && a.podUID == podUID {
			return nil
		}
		if err := a.speaks(attempt, podUID); err != nil {
			return err
		}
		step := run.Step{Kind: run.Finish, Attempt: attempt, End: e.State, Reason: e.Reason}
		if _, _, err := s.transition(ctx, tx, u, step, end{message: e.Message, result: result, backoff: RetryDelay(attempt)}); err != nil {
			return superseded(err)
		}
		_, err = tx.Exec(ctx, `
			update attempts set state = 'ended', ended_at = $3, heartbeat_at = clock_timestamp(), reason = $4, message = $5
			where run_id = $1 and attempt = $2`, u, attempt, s.now(), e.Reason, e.Message)
		if err != nil {
			return fmt.Errorf("ending the attempt: %w", err)
		}
		done = true
		return nil
	})
	if err != nil {
		return run.Receipt{}, err
	}
	if done {
		s.changed(u)
	}
	return receipt, nil
}

// maxRetryDelay is the longest RetryDelay.
const maxRetryDelay = 5 * time.Minute

// RetryDelay is how long a run waits after that attempt of it failed: 5 s, and twice
// as long each time, up to 5 min.
func RetryDelay(attempt int) time.Duration {
	return min(maxRetryDelay, 5*time.Second<<min(max(attempt-1, 0), 10))
}

// storable is a text as a column can hold it.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// Result gives what came of a run, or ErrNotEnded.
func (s *Store) Result(ctx context.Context, project, id string) (run.Result, error) {
	u, err := runID(id)
	if err != nil {
		return run.Result{}, err
	}
	r := run.Result{RunID: id}
	var result []byte
	err = s.Pool.QueryRow(ctx, `select state, reason, message, result::text from runs where id = $1 and ($2 = '' or project = $2)`, u, project).
		Scan(&r.State, &r.Reason, &r.Message, &result)
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Result{}, ErrNotFound
	}
	if err != nil {
		return run.Result{}, fmt.Errorf("reading the result: %w", err)
	}
	if !r.State.Terminal() {
		return run.Result{}, ErrNotEnded
	}
	if result != nil {
		var e run.Ending
		if err := json.Unmarshal(result, &e); err != nil {
			return run.Result{}, fmt.Errorf("reading the result: %w", err)
		}
		r.FinalMessage, r.Usage, r.Session, r.DurationMS = e.FinalMessage, e.Usage, e.Session, e.DurationMS
	}
	r.Artifacts, err = s.artifacts(ctx, u)
	return r, err
}
