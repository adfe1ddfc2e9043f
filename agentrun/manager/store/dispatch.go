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

// dispatchLock is the advisory lock that Next holds: two replicas that count at once
// would both take the last place. A replica that dies loses it with its connection.
const dispatchLock = 0x61676e74_72756e01

// batch bounds what one call of Next begins, and with it how long it holds its locks.
const batch = 32

// nextQuery takes, of each project, as many runs as it has room for, and of all those
// the first ones. A not_before that is further away than any delay was written by a
// clock that is wrong, and counts as passed.
const nextQuery = `
select q.id, q.profile, q.seconds from projects p
cross join lateral (
	select id, profile, priority, (spec->>'deadlineSeconds')::int as seconds from runs
	where project = p.name and state = 'queued' and (attempt = 0 or not_before <= $1 or not_before > $2)
	order by priority desc, id
	limit least($3, greatest(0, p.max_running - (select count(*) from runs a where a.project = p.name and a.state in ('starting', 'running'))))
	for update skip locked
) q
order by q.priority desc, q.id limit $3`

// Next begins an attempt of each queued run whose turn has come: the higher priority
// first, then the older one, while its project has fewer than its max_running runs
// under way and all projects together fewer than maxAll. It gives the new attempts,
// which are pending, and is empty when there is nothing to begin; one call begins at
// most 32. Replicas may call it at once.
func (s *Store) Next(ctx context.Context, maxAll int) ([]OpenAttempt, error) {
	var begun []OpenAttempt
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(dispatchLock)); err != nil {
			return fmt.Errorf("waiting for the other replicas: %w", err)
		}
		var active int // by a new snapshot: it sees what the one before has begun
		if err := tx.QueryRow(ctx, `select count(*) from runs where state in ('starting', 'running')`).Scan(&active); err != nil {
			return fmt.Errorf("counting runs: %w", err)
		}
		if active >= maxAll {
			return nil
		}
		turns, err := s.turns(ctx, tx, min(batch, maxAll-active))
		if err != nil {
			return err
		}
		for _, t := range turns {
			a, err := s.begin(ctx, tx, t)
			if errors.Is(err, run.ErrTerminal) || errors.Is(err, run.ErrNotNow) {
				continue
			}
			if err != nil {
				return err
			}
			begun = append(begun, a)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dispatching runs: %w", err)
	}
	for _, a := range begun {
		s.changed(uuid.MustParse(a.RunID))
	}
	return begun, nil
}

// turn is a run whose turn has come.
type turn struct {
	ID      uuid.UUID
	Profile string
	Seconds int
}

func (s *Store) turns(ctx context.Context, tx pgx.Tx, most int) ([]turn, error) {
	now := s.now()
	rows, err := tx.Query(ctx, nextQuery, now, now.Add(maxRetryDelay+time.Second), most)
	if err != nil {
		return nil, fmt.Errorf("looking for runs: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[turn])
	if err != nil {
		return nil, fmt.Errorf("looking for runs: %w", err)
	}
	return all, nil
}

// begin makes the next attempt of a run.
func (s *Store) begin(ctx context.Context, tx pgx.Tx, t turn) (OpenAttempt, error) {
	_, after, err := s.transition(ctx, tx, t.ID, run.Step{Kind: run.Dispatch}, end{})
	if err != nil {
		return OpenAttempt{}, err
	}
	a := OpenAttempt{
		RunID: t.ID.String(), Attempt: after.Attempt, State: run.Pending,
		JobName: JobName(t.ID, after.Attempt), DeadlineSeconds: t.Seconds,
	}
	_, err = tx.Exec(ctx, `insert into attempts (run_id, attempt, state, job_name, created_at) values ($1, $2, 'pending', $3, $4)`,
		t.ID, a.Attempt, a.JobName, s.now())
	if err != nil {
		return OpenAttempt{}, fmt.Errorf("writing the attempt: %w", err)
	}
	return a, nil
}

// Scheduled notes the uid of an attempt's Job: pods of this Job alone may claim it.
// Said again it changes nothing. An attempt that has ended, or has another Job, is
// run.ErrSuperseded.
func (s *Store) Scheduled(ctx context.Context, id string, attempt int, jobUID string) error {
	u, err := runID(id)
	if err != nil {
		return err
	}
	tag, err := s.Pool.Exec(ctx, `
		update attempts set job_uid = $3, state = case state when 'pending' then 'scheduled' else state end
		where run_id = $1 and attempt = $2 and state in ('pending', 'scheduled', 'claimed') and job_uid in ('', $3)`, u, attempt, jobUID)
	if err != nil {
		return fmt.Errorf("noting the attempt's Job: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return run.ErrSuperseded
	}
	return nil
}
