package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// appendQuery locks the run and the attempt, leaves out what is stored, and writes
// the rest, the counters and the sign of life. It answers with what it found: its
// caller learns from that whether and why nothing was written. Concurrent calls wait
// for the locks and then see what the one before has written.
const appendQuery = `
with now as materialized (
	select r.state, r.attempt, r.last_seq, r.cancel_asked_at is not null as cancel, a.state as attempt_state, a.pod_uid, a.next_event
	from runs r join attempts a on a.run_id = r.id and a.attempt = $2
	where r.id = $1
	for update of r, a
), ok as materialized (
	select last_seq, next_event - $4::bigint as stored from now
	where state = 'running' and attempt = $2 and attempt_state = 'claimed' and pod_uid = $3 and next_event >= $4
), written as (
	insert into events (run_id, seq, attempt, at, type, data)
	select $1, ok.last_seq + e.n - ok.stored, $2, e.at, e.type, e.data::json
	from ok, unnest($5::timestamptz[], $6::text[], $7::text[]) with ordinality as e (at, type, data, n)
	where e.n > ok.stored
), counted as (
	update runs set last_seq = ok.last_seq + greatest(0, cardinality($6::text[]) - ok.stored) from ok where id = $1
), seen as (
	update attempts set next_event = greatest(next_event, $4 + cardinality($6::text[])), heartbeat_at = clock_timestamp()
	from ok where run_id = $1 and attempts.attempt = $2
)
select state, attempt, last_seq, cancel, attempt_state, pod_uid, next_event from now`

// Append stores the events of an attempt's report, which must pass Report.Check, and
// gives those that were new, as users see them. It refuses with run.ErrSuperseded
// when the attempt is not the run's any more or has ended, and with a GapError.
func (s *Store) Append(ctx context.Context, id string, attempt int, podUID string, r run.Report) (run.Receipt, []run.Event, error) {
	u, err := runID(id)
	if err != nil {
		return run.Receipt{}, nil, err
	}
	times, types, data := make([]time.Time, len(r.Events)), make([]string, len(r.Events)), make([]string, len(r.Events))
	for i, e := range r.Events {
		// One line each: text/event-stream carries them as they are.
		v := jsontext.Value(e.Data)
		if err := v.Compact(); err != nil {
			return run.Receipt{}, nil, fmt.Errorf("storing events: the data of event %d is not JSON", r.First+int64(i))
		}
		times[i], types[i], data[i] = e.Time.UTC().Truncate(time.Microsecond), string(e.Type), string(v)
	}
	var a attemptNow
	err = s.Pool.QueryRow(ctx, appendQuery, [16]byte(u), attempt, podUID, r.First, times, types, data).
		Scan(&a.state, &a.attempt, &a.lastSeq, &a.cancel, &a.attemptState, &a.podUID, &a.nextEvent)
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Receipt{}, nil, ErrNotFound
	}
	if err != nil {
		return run.Receipt{}, nil, fmt.Errorf("storing events: %w", err)
	}
	if err := a.speaks(attempt, podUID); err != nil {
		return run.Receipt{}, nil, err
	}
	if r.First > a.nextEvent {
		return run.Receipt{}, nil, &GapError{Next: a.nextEvent}
	}
	known := min(a.nextEvent-r.First, int64(len(r.Events)))
	stored := make([]run.Event, 0, int64(len(r.Events))-known)
	for i := int(known); i < len(r.Events); i++ {
		stored = append(stored, run.Event{
			Seq: a.lastSeq + int64(len(stored)) + 1, RunID: id, Attempt: attempt,
			Time: times[i], Type: r.Events[i].Type, Data: []byte(data[i]),
		})
	}
	return run.Receipt{NextEvent: a.nextEvent + int64(len(stored)), Cancel: a.cancel}, stored, nil
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
