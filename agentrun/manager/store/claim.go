package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Attempt is what is known of one try at a run.
type Attempt struct {
	State   run.AttemptState
	JobName string
	JobUID  string // "" until the Job is known to exist
	PodUID  string // "" until it is claimed
}

// Attempt gives one try at a run, or ErrNotFound.
func (s *Store) Attempt(ctx context.Context, id string, attempt int) (Attempt, error) {
	u, err := runID(id)
	if err != nil {
		return Attempt{}, err
	}
	var a Attempt
	err = s.Pool.QueryRow(ctx, `select state, job_name, job_uid, pod_uid from attempts where run_id = $1 and attempt = $2`, u, attempt).
		Scan(&a.State, &a.JobName, &a.JobUID, &a.PodUID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Attempt{}, ErrNotFound
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("reading the attempt: %w", err)
	}
	return a, nil
}

// Claim gives an attempt to a pod: the run is running then, and its deadline counts.
// The same pod may claim again and gets the same. Another pod, and an attempt that is
// not the run's any more or has ended, are run.ErrSuperseded.
func (s *Store) Claim(ctx context.Context, id string, attempt int, podUID string) (run.Assignment, error) {
	u, err := runID(id)
	if err != nil {
		return run.Assignment{}, err
	}
	out := run.Assignment{RunID: id, Attempt: attempt}
	var first bool
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		a, err := s.lockAttempt(ctx, tx, u, attempt)
		if err != nil {
			return err
		}
		open := a.attemptState == run.Pending || a.attemptState == run.Scheduled || a.attemptState == run.Claimed
		if !open || a.podUID != "" && a.podUID != podUID {
			return run.ErrSuperseded
		}
		if _, _, err := s.transition(ctx, tx, u, run.Step{Kind: run.Claim, Attempt: attempt}, end{}); err != nil {
			return superseded(err)
		}
		var prompt, spec []byte
		if err := tx.QueryRow(ctx, `select prompt, spec::text from runs where id = $1`, u).Scan(&prompt, &spec); err != nil {
			return fmt.Errorf("reading the run: %w", err)
		}
		if err := json.Unmarshal(spec, &out.Profile); err != nil {
			return fmt.Errorf("reading the run's profile: %w", err)
		}
		out.Prompt = string(prompt)
		now := s.now()
		first = a.attemptState != run.Claimed
		err = tx.QueryRow(ctx, `
			update attempts set state = 'claimed', pod_uid = $3, claimed_at = coalesce(claimed_at, $4),
				deadline_at = coalesce(deadline_at, $5), heartbeat_at = clock_timestamp()
			where run_id = $1 and attempt = $2 returning deadline_at, next_event`,
			u, attempt, podUID, now, now.Add(time.Duration(out.Profile.DeadlineSeconds)*time.Second)).Scan(&out.Deadline, &out.NextEvent)
		if err != nil {
			return fmt.Errorf("claiming the attempt: %w", err)
		}
		out.Deadline = out.Deadline.UTC()
		out.Seconds = max(0, out.Deadline.Sub(now).Seconds())
		return nil
	})
	if err != nil {
		return run.Assignment{}, err
	}
	if first {
		s.changed(u)
	}
	return out, nil
}

// superseded is what a runner hears of a step that its run does not take any more.
func superseded(err error) error {
	if errors.Is(err, run.ErrTerminal) || errors.Is(err, run.ErrNotNow) {
		return run.ErrSuperseded
	}
	return err
}
