package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// appendQuery takes reports, each with its place i, and their events. Of each report it
// locks the run and the attempt, leaves out what is stored, and writes the rest, the
// counters and the sign of life. It answers with what it found: its callers learn from
// that whether and why nothing was written. Whoever comes to a row later sees what the
// one before has written. The arrays come by way of given, so that the planner cannot
// see how long they are: it would plan anew each time, which costs more than storing.
//
// With appendWaiting it waits for the rows, and is for one report. With appendPassing
// it answers nothing of reports whose rows somebody else holds: one that waits for many
// rows makes many wait, and two of them may wait for each other.
const appendQuery = `
with given as materialized (
	select $1::uuid[] as ids, $2::int[] as attempts, $3::text[] as pods, $4::bigint[] as firsts, $5::int[] as counts,
		$6::int[] as places, $7::int[] as numbers, $8::timestamptz[] as times, $9::text[] as types, $10::text[] as data
), asked as materialized (
	select q.* from given, unnest(ids, attempts, pods, firsts, counts) with ordinality as q (id, attempt, pod, first, events, i)
), now as materialized (
	select q.*, held.* from asked q cross join lateral (
		select r.state, r.attempt as run_attempt, r.last_seq, r.cancel_asked_at is not null as cancel, a.state as attempt_state, a.pod_uid, a.next_event
		from runs r join attempts a on a.run_id = r.id
		where r.id = q.id and a.run_id = q.id and a.attempt = q.attempt
		for update of r, a %s
	) held
), ok as materialized (
	select i, id, attempt, events, last_seq, next_event - first as stored, greatest(next_event, first + events) as next_event from now
	where state = 'running' and run_attempt = attempt and attempt_state = 'claimed' and pod_uid = pod and next_event >= first
), written as (
	insert into events (run_id, seq, attempt, at, type, data)
	select ok.id, ok.last_seq + e.n - ok.stored, ok.attempt, e.at, e.type, e.data::json
	from given cross join unnest(places, numbers, times, types, given.data) as e (i, n, at, type, data) join ok on ok.i = e.i
	where e.n > ok.stored
), counted as (
	update runs set last_seq = ok.last_seq + ok.events - ok.stored from ok where runs.id = ok.id and ok.events > ok.stored
), seen as (
	update attempts set next_event = ok.next_event, heartbeat_at = clock_timestamp()
	from ok where attempts.run_id = ok.id and attempts.attempt = ok.attempt
)
select i, state, run_attempt, last_seq, cancel, attempt_state, pod_uid, next_event from now`

var (
	appendWaiting = fmt.Sprintf(appendQuery, "")
	appendPassing = fmt.Sprintf(appendQuery, "skip locked")
)

// Append stores the events of an attempt's report, which must pass Report.Check, and
// gives those that were new, as users see them. It refuses with run.ErrSuperseded
// when the attempt is not the run's any more or has ended, and with a GapError.
// Reports that come at once are stored together. It holds on to the report's memory no
// longer than it takes: when ctx ends, it waits still for what is being stored.
func (s *Store) Append(ctx context.Context, id string, attempt int, podUID string, r run.Report) (run.Receipt, []run.Event, error) {
	p, err := newPending(id, attempt, podUID, r)
	if err != nil {
		return run.Receipt{}, nil, err
	}
	s.group.add(s, p)
	select {
	case <-p.done:
	case <-ctx.Done():
		if s.group.leave(p) {
			return run.Receipt{}, nil, fmt.Errorf("storing events: %w", ctx.Err())
		}
		<-p.done // groupTime ends it
	}
	return p.receipt()
}

// attemptNow is an attempt beside its run.
type attemptNow struct {
	state        run.State
	attempt      int
	lastSeq      int64
	cancel       bool
	attemptState run.AttemptState
	podUID       string
	nextEvent    int64
}

// speaks reports whether that attempt's pod may still speak for the run.
func (a attemptNow) speaks(attempt int, podUID string) error {
	if a.state != run.Running || a.attempt != attempt || a.attemptState != run.Claimed || a.podUID != podUID {
		return run.ErrSuperseded
	}
	return nil
}

func (a attemptNow) receipt() run.Receipt {
	return run.Receipt{NextEvent: a.nextEvent, Cancel: a.cancel}
}

// lockAttempt reads the run and the attempt and holds both rows.
func (s *Store) lockAttempt(ctx context.Context, tx pgx.Tx, id uuid.UUID, attempt int) (attemptNow, error) {
	var a attemptNow
	err := tx.QueryRow(ctx, `
		select r.state, r.attempt, r.last_seq, r.cancel_asked_at is not null, a.state, a.pod_uid, a.next_event
		from runs r join attempts a on a.run_id = r.id and a.attempt = $2
		where r.id = $1 for update of r, a`, id, attempt,
	).Scan(&a.state, &a.attempt, &a.lastSeq, &a.cancel, &a.attemptState, &a.podUID, &a.nextEvent)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("reading the attempt: %w", err)
	}
	return a, nil
}

// Heartbeat is a sign of life of an attempt that has nothing to report. It refuses
// as Append does.
func (s *Store) Heartbeat(ctx context.Context, id string, attempt int, podUID string) (run.Receipt, error) {
	u, err := runID(id)
	if err != nil {
		return run.Receipt{}, err
	}
	var r run.Receipt
	err = s.Pool.QueryRow(ctx, `
		update attempts a set heartbeat_at = clock_timestamp() from runs r
		where a.run_id = $1 and a.attempt = $2 and a.pod_uid = $3 and a.state = 'claimed'
			and r.id = a.run_id and r.attempt = a.attempt and r.state = 'running'
		returning a.next_event, r.cancel_asked_at is not null`, u, attempt, podUID).Scan(&r.NextEvent, &r.Cancel)
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Receipt{}, run.ErrSuperseded
	}
	if err != nil {
		return run.Receipt{}, fmt.Errorf("noting a sign of life: %w", err)
	}
	return r, nil
}
