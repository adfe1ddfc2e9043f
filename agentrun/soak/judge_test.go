package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

func stateOf(e run.Event) (d run.StateData) {
	if e.Type == run.StateChanged {
		_ = json.Unmarshal(e.Data, &d) // what is none has no state
	}
	return d
}

// judge looks at what the soak left, in the table and at its readers.
func (s *soak) judge() {
	s.cuts.mu.Lock()
	for _, err := range s.cuts.wrong {
		s.t.Error(err)
	}
	s.cuts.mu.Unlock()
	count, err := eventually(s.ctx, func(ctx context.Context) (n int, err error) {
		return n, s.store.Pool.QueryRow(ctx, `select count(*) from runs`).Scan(&n)
	})
	if err != nil || count != len(s.stories) {
		s.t.Errorf("there are %d runs of %d, %v", count, len(s.stories), err)
	}
	for _, one := range s.stories {
		for _, err := range s.judgeOne(one) {
			s.t.Errorf("run %s (%s): %v", one.id, one.name, err)
		}
	}
}

// attempt is a row of the table.
type attempt struct {
	n         int
	state     run.AttemptState
	job       string
	reason    run.Reason
	ended     bool
	nextEvent int64
}

func (s *soak) judgeOne(one *story) (wrong []error) {
	if one.err != nil {
		return []error{one.err}
	}
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	kept, err := s.kept(one.id)
	if err != nil {
		return []error{err}
	}
	sameData := cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
	if diff := cmp.Diff(kept, one.events, sameData); diff != "" {
		say("its reader saw something else (-table +reader):\n%s", diff)
	}
	r, err := s.store.Get(s.ctx, project, one.id)
	if err != nil {
		return append(wrong, err)
	}
	attempts, err := s.attempts(one.id)
	if err != nil {
		return append(wrong, err)
	}
	wrong = append(wrong, history(r, kept)...)
	extra := 0
	for i, a := range attempts {
		s.mu.Lock()
		hit := s.hit[a.job]
		s.mu.Unlock()
		switch {
		case a.n != i+1:
			say("attempt %d follows on %d", a.n, i)
		case a.state != run.Ended && a.state != run.Lost, !a.ended:
			say("its attempt %d is %s", a.n, a.state)
		case a.state == run.Lost && a.reason == "" && r.State != run.Cancelled:
			say("its attempt %d was lost without a reason", a.n)
		case (a.reason == run.RunnerLost || a.reason == run.Evicted) && !hit[a.reason]:
			say("its attempt %d was given up for %s, and what was done to it explains %v", a.n, a.reason, hit)
		}
		if a.reason == run.RunnerLost || a.reason == run.Evicted {
			extra++
		}
	}
	switch {
	case len(attempts) != r.Attempt, r.Attempt > r.MaxAttempts:
		say("it has %d attempts, and says %d of %d", len(attempts), r.Attempt, r.MaxAttempts)
	case !r.State.Terminal(), r.State == run.Failed && r.Reason == "", r.FinishedAt == nil:
		say("it is %s for %q", r.State, r.Reason)
	case r.State == one.state && r.Reason == one.reason:
		if want := min(one.attempts+extra, r.MaxAttempts); r.Attempt != want && !one.cancel {
			say("it took %d attempts, not %d", r.Attempt, want)
		}
	case one.cancel && (r.State == run.Cancelled || r.State == run.Succeeded):
	case r.State == run.Failed && (r.Reason == run.RunnerLost || r.Reason == run.Evicted) && r.Attempt == r.MaxAttempts:
	default:
		say("it ended as %s %s: %s", r.State, r.Reason, r.Message)
	}
	if r.State == run.Succeeded {
		wrong = append(wrong, s.result(one, kept)...)
	}
	return wrong
}

// kept are the events in the table.
func (s *soak) kept(id string) ([]run.Event, error) {
	var all []run.Event
	for {
		page, err := eventually(s.ctx, func(ctx context.Context) (store.Page, error) {
			return s.store.Events(ctx, project, id, int64(len(all)), 1000)
		})
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Events...); !page.More {
			return all, nil
		}
	}
}

func (s *soak) attempts(id string) ([]attempt, error) {
	rows, err := s.store.Pool.Query(s.ctx, `select attempt, state, job_name, reason, ended_at is not null, next_event from attempts where run_id = $1 order by attempt`, uuid.MustParse(id))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []attempt
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.n, &a.state, &a.job, &a.reason, &a.ended, &a.nextEvent); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// history looks whether events tell a possible one: numbers from 1 without a gap, states
// that may follow on each other, attempts that only grow, an end that is the last.
func history(r run.Run, events []run.Event) (wrong []error) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	follow := map[run.State][]run.State{
		"": {run.Queued}, run.Queued: {run.Starting, run.Cancelled},
		run.Starting: {run.Running, run.Queued, run.Starting, run.Failed, run.Cancelled},
		run.Running:  {run.Queued, run.Running, run.Succeeded, run.Failed, run.Cancelled, run.TimedOut},
	}
	var state run.State
	attempt := 0
	for i, e := range events {
		if e.Seq != int64(i+1) {
			say("event %d has the number %d", i+1, e.Seq)
		}
		if e.Attempt < attempt {
			say("event %d is of attempt %d, after one of %d", e.Seq, e.Attempt, attempt)
		}
		if e.Type != run.StateChanged {
			if state != run.Running {
				say("event %d, %s, is of a run that is %s", e.Seq, e.Type, state)
			}
			continue
		}
		next := stateOf(e).State
		possible := false
		for _, f := range follow[state] {
			possible = possible || f == next
		}
		if !possible {
			say("%s follows on %s", next, state)
		}
		if next == run.Starting && state == run.Queued && e.Attempt != attempt+1 {
			say("attempt %d follows on %d", e.Attempt, attempt)
		}
		state, attempt = next, e.Attempt
	}
	if state != r.State || int64(len(events)) != r.LastSeq {
		say("its %d events end as %s, and it says %d and %s", len(events), state, r.LastSeq, r.State)
	}
	return wrong
}

// result looks whether a run that succeeded has what came of it, whole.
func (s *soak) result(one *story, events []run.Event) (wrong []error) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	c := s.client()
	result, err := c.Result(s.ctx, one.id)
	if err != nil {
		return []error{err}
	}
	if result.State != run.Succeeded || result.FinalMessage != one.final {
		say("its result is %s: %q", result.State, result.FinalMessage)
	}
	var names []string
	for _, a := range result.Artifacts {
		content, err := s.download(one.id, a)
		if err != nil {
			say("its %s: %v", a.Name, err)
		}
		if a.Attempt == events[len(events)-1].Attempt {
			names = append(names, a.Name)
			if a.Name == "final-message.md" && content != one.final {
				say("its last words are kept as %q", content)
			}
		}
	}
	want := []string{"final-message.md"}
	if one.name == "patch" {
		want = []string{"diff.patch", "final-message.md"}
	}
	if one.name != "long_line" && strings.Join(names, " ") != strings.Join(want, " ") {
		say("it has the files %v, not %v", names, want)
	}
	if !strings.HasPrefix(one.name, "chat") {
		return wrong
	}
	said := 0
	for _, e := range events {
		var d run.TextData
		if e.Type != run.Message || e.Attempt != events[len(events)-1].Attempt {
			continue
		}
		if err := json.Unmarshal(e.Data, &d); err != nil || d.Text != fmt.Sprintf("message %d", said+1) {
			say("message %d is %s", said+1, e.Data)
		}
		said++
	}
	if said != fakecodex.Messages {
		say("the agent said %d messages", said)
	}
	return wrong
}

// download gives a file, whose sum the client has checked.
func (s *soak) download(id string, a run.Artifact) (string, error) {
	var b strings.Builder
	err := s.client().Download(s.ctx, id, a, &b)
	return b.String(), err
}
