package store

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func TestARunFromBeginningToEnd(t *testing.T) {
	s := open(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	s.Now = func() time.Time { return at }
	var changes atomic.Int64
	s.Changed = func(string) { changes.Add(1) }

	var control strings.Builder
	for c := range rune(0x20) {
		control.WriteRune(c)
	}
	req := run.Request{Prompt: "x" + control.String() + "\x7f\u2028中文", Labels: map[string]string{"team": "a"}, Priority: 3, MaxAttempts: 1, Deadline: 60}
	r := submit(t, s, req)
	want := run.Run{
		ID: r.ID, Project: project, State: run.Queued, Prompt: req.Prompt, Profile: "default", Labels: req.Labels, Priority: 3,
		MaxAttempts: 1, DeadlineSeconds: 60, CreatedAt: at, LastSeq: 1,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Fatal(diff)
	}
	if got, err := s.Get(t.Context(), project, r.ID); err != nil || !cmp.Equal(got, r) {
		t.Errorf("it is kept as %+v, %v", got, err)
	}

	attempt := dispatch(t, s, r.ID)
	a, err := s.Claim(t.Context(), r.ID, attempt, pod)
	profile := run.DefaultProfile()
	profile.MaxAttempts, profile.DeadlineSeconds = 1, 60
	wantA := run.Assignment{RunID: r.ID, Attempt: 1, Prompt: req.Prompt, Profile: profile, Deadline: at.Add(time.Minute), Seconds: 60, NextEvent: 1}
	if diff := cmp.Diff(wantA, a); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	at = at.Add(time.Second)
	wantA.Seconds = 59
	if a, err = s.Claim(t.Context(), r.ID, attempt, pod); err != nil || !cmp.Equal(a, wantA) {
		t.Errorf("claimed again it is %+v, %v", a, err)
	}

	receipt, stored, err := s.Append(t.Context(), r.ID, attempt, pod, report(1, 3))
	if err != nil || receipt != (run.Receipt{NextEvent: 4}) || len(stored) != 3 || stored[0].Seq != 4 {
		t.Fatalf("%+v %+v %v", receipt, stored, err)
	}
	page, err := s.Events(t.Context(), project, r.ID, 3, 100)
	if diff := cmp.Diff(stored, page.Events); diff != "" || err != nil {
		t.Errorf("what is served live (-) is not what is read (+): %s %v", diff, err)
	}
	_, err = s.Result(t.Context(), project, r.ID)
	is(t, err, ErrNotEnded)
	_, _, err = s.Retry(t.Context(), project, r.ID, "")
	is(t, err, ErrNotEnded)

	ending := run.Ending{State: run.Succeeded, Message: "done\x00", FinalMessage: "hello\x00", Usage: run.UsageData{TotalTokens: 15}, Session: run.SessionData{Model: "m"}, DurationMS: 7}
	if _, err := s.Finish(t.Context(), r.ID, attempt, pod, ending); err != nil {
		t.Fatal(err)
	}
	result, err := s.Result(t.Context(), project, r.ID)
	wantR := run.Result{RunID: r.ID, State: run.Succeeded, Message: "done\ufffd", FinalMessage: "hello\x00", Usage: ending.Usage, Session: ending.Session, DurationMS: 7, Artifacts: []run.Artifact{}}
	if diff := cmp.Diff(wantR, result); diff != "" || err != nil {
		t.Error(diff, err)
	}
	page, err = s.Events(t.Context(), project, r.ID, 0, 100)
	if err != nil || !page.Ended || page.Last != 7 {
		t.Errorf("the events are %+v, %v", page, err)
	}
	if diff := cmp.Diff([]run.StateData{{State: run.Queued}, {State: run.Starting}, {State: run.Running}, {State: run.Succeeded, Message: "done\ufffd"}}, states(t, s, r.ID)); diff != "" {
		t.Error(diff)
	}
	got, err := s.Get(t.Context(), project, r.ID)
	if err != nil || got.StartedAt == nil || got.FinishedAt == nil || got.LastSeq != 7 {
		t.Errorf("%+v %v", got, err)
	}
	if n := changes.Load(); n != 3 { // submitted, claimed, finished; the test dispatched by itself
		t.Errorf("%d changes were told", n)
	}

	again, created, err := s.Retry(t.Context(), project, r.ID, "")
	if err != nil || !created || again.RetryOf != r.ID || again.State != run.Queued || again.Prompt != r.Prompt || again.ID <= r.ID {
		t.Errorf("%+v %v %v", again, created, err)
	}
}

func TestAKeyMakesOneRun(t *testing.T) {
	s := open(t)
	if err := s.EnsureProject(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	req := run.Request{Prompt: "x", Labels: map[string]string{"a": "1", "b": "2", "c": "3"}}
	ids := make([]string, 16)
	var made atomic.Int64
	together(len(ids), func(i int) {
		r, created, err := s.Submit(t.Context(), project, req, "key", "")
		if err != nil {
			t.Error(err)
		}
		if ids[i] = r.ID; created {
			made.Add(1)
		}
	})
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("the key made the runs %v", ids)
			break
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d were told that they made it", made.Load())
	}
	if page, err := s.Events(t.Context(), project, ids[0], 0, 10); err != nil || len(page.Events) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	_, _, err := s.Submit(t.Context(), project, run.Request{Prompt: "y"}, "key", "")
	is(t, err, ErrKeyReused)
	if r, created, err := s.Submit(t.Context(), "other", req, "key", ""); err != nil || !created || r.ID == ids[0] {
		t.Errorf("another project's key gives %v, %v, %v", r.ID, created, err)
	}
	if _, _, err := s.Cancel(t.Context(), project, ids[0]); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Retry(t.Context(), project, ids[0], "key")
	is(t, err, ErrKeyReused)
	first, _, err := s.Retry(t.Context(), project, ids[0], "again")
	if err != nil {
		t.Fatal(err)
	}
	if second, created, err := s.Retry(t.Context(), project, ids[0], "again"); err != nil || created || second.ID != first.ID {
		t.Errorf("%v %v %v", second.ID, created, err)
	}
}

func TestSubmitRefuses(t *testing.T) {
	s := open(t)
	_, _, err := s.Submit(t.Context(), project, run.Request{Prompt: "x", Profile: "missing"}, "", "")
	is(t, err, ErrNoProfile)
	_, _, err = s.Submit(t.Context(), "missing", run.Request{Prompt: "x"}, "", "")
	is(t, err, ErrNoProject)
}

func TestNothingIsFoundOfAnotherProject(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	for _, id := range []string{r.ID, strings.ToUpper(r.ID), "x", "", "00000000-0000-0000-0000-000000000000", "{" + r.ID + "}"} {
		_, err := s.Get(t.Context(), "other", id)
		is(t, err, ErrNotFound)
		_, _, err = s.Cancel(t.Context(), "other", id)
		is(t, err, ErrNotFound)
		_, _, err = s.Retry(t.Context(), "other", id, "")
		is(t, err, ErrNotFound)
		_, err = s.Events(t.Context(), "other", id, 0, 1)
		is(t, err, ErrNotFound)
		_, err = s.Result(t.Context(), "other", id)
		is(t, err, ErrNotFound)
		_, err = s.Artifacts(t.Context(), "other", id)
		is(t, err, ErrNotFound)
		_, err = s.Artifact(t.Context(), "other", id, "x", 0)
		is(t, err, ErrNotFound)
	}
	if runs, _, err := s.List(t.Context(), "other", Filter{Limit: 10}); err != nil || len(runs) > 0 {
		t.Errorf("%v, %v", runs, err)
	}
	if got, err := s.Get(t.Context(), AnyProject, r.ID); err != nil || got.ID != r.ID || got.State != run.Running || got.Cancelling {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	s := open(t)
	var ids []string // the newest first
	for i := range 7 {
		r := submit(t, s, run.Request{Labels: map[string]string{"n": string(rune('0' + i%2)), "all": "yes"}})
		ids = append([]string{r.ID}, ids...)
	}
	if _, _, err := s.Cancel(t.Context(), project, ids[0]); err != nil {
		t.Fatal(err)
	}
	list := func(f Filter) (got []string, more bool) {
		runs, more, err := s.List(t.Context(), project, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			got = append(got, r.ID)
		}
		return got, more
	}
	var all []string
	for f, more := (Filter{Limit: 3}), true; more; f.Before = all[len(all)-1] {
		var page []string
		page, more = list(f)
		all = append(all, page...)
	}
	if diff := cmp.Diff(ids, all); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"state", Filter{State: run.Cancelled}, ids[:1]},
		{"label", Filter{Labels: map[string]string{"n": "1", "all": "yes"}}, []string{ids[1], ids[3], ids[5]}},
		{"other label", Filter{Labels: map[string]string{"n": "1", "all": "no"}}, nil},
		{"profile", Filter{Profile: "default"}, ids},
		{"other profile", Filter{Profile: "other"}, nil},
	} {
		tt.f.Limit = 7
		if got, more := list(tt.f); !cmp.Equal(got, tt.want) || more {
			t.Errorf("%s: %v, %v", tt.name, got, more)
		}
	}

	// Long prompts make pages short, never empty.
	for range 3 {
		submit(t, s, run.Request{Prompt: strings.Repeat("x", maxListBytes*2/3)})
	}
	if got, more := list(Filter{Limit: 9}); len(got) != 1 || !more {
		t.Errorf("%d runs, %v", len(got), more)
	}
}

// moved counts the rows that a question gives.
func moved(t *testing.T, s *Store, query string, args []any) (n int) {
	t.Helper()
	rows, err := s.Pool.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// A page that is full of bytes moves no more than one row beyond them.
func TestPagesMoveWhatTheyShow(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	const size = maxPageBytes / 8
	if _, err := s.Pool.Exec(t.Context(), `
		with e as (insert into events (run_id, seq, attempt, at, type, data)
			select $1, n + 3, 1, now(), 'message', json_build_object('text', repeat('x', $2)) from generate_series(1, 100) n)
		update runs set last_seq = last_seq + 100 where id = $1`, r.ID, size); err != nil {
		t.Fatal(err)
	}
	if n := moved(t, s, pageQuery, []any{r.ID, 3, 100, maxPageBytes}); n != 8 {
		t.Errorf("a page of events moves %d rows", n)
	}
	after := int64(0)
	for more := true; more; {
		page, err := s.Events(t.Context(), project, r.ID, after, 100)
		if err != nil || len(page.Events) == 0 || page.Events[0].Seq != after+1 || page.Last != after+int64(len(page.Events)) {
			t.Fatalf("%d events to %d after %d, %v", len(page.Events), page.Last, after, err)
		}
		after, more = page.Last, page.More
	}
	if after != 103 {
		t.Errorf("the last event is %d", after)
	}

	for range 9 {
		submit(t, s, run.Request{Prompt: strings.Repeat("x", maxListBytes/4)})
	}
	query, args, err := listQuery(project, Filter{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	if n := moved(t, s, query, args); n != 5 {
		t.Errorf("a page of runs moves %d rows", n)
	}
	if runs, more, err := s.List(t.Context(), project, Filter{Limit: 9}); err != nil || len(runs) != 4 || !more {
		t.Errorf("%d runs, %v, %v", len(runs), more, err)
	}
}

// What else there is costs nothing: a list by state or profile goes by an index that has
// exactly its runs, in their order.
func TestListCostsWhatItShows(t *testing.T) {
	s := open(t)
	if err := s.EnsureProject(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{ // every tenth is the project's, and of those the first sixty are rare
		`insert into runs (id, project, request_hash, prompt, profile, spec, labels, priority, max_attempts, state, not_before, created_at)
			select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, case when n % 10 = 0 then '` + project + `' else 'other' end, '', 'x',
				case when n <= 600 then 'rare' else 'default' end, '{"deadlineSeconds":1}', '{}', 0, 1,
				case when n <= 600 then 'failed' else 'succeeded' end, now(), now()
			from generate_series(1, 20000) n`,
		`analyze`,
	} {
		if _, err := s.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		index, condition string
		f                Filter
	}{
		{"runs_by_state", "(state = ", Filter{State: run.Failed}},
		{"runs_by_profile", "(profile = ", Filter{Profile: "rare"}},
	} {
		tt.f.Limit, tt.f.Before = 50, "00000000-0000-7000-8000-000000020000"
		query, args, err := listQuery(project, tt.f)
		if err != nil {
			t.Fatal(err)
		}
		plan := explain(t.Context(), t, s, "(analyze, costs off, timing off) "+query, args)
		if !strings.Contains(plan, "Index Scan using "+tt.index+" on runs") || !strings.Contains(plan, tt.condition) || !strings.Contains(plan, "(id < ") ||
			strings.Contains(plan, "Sort") || strings.Contains(plan, "Removed by Filter") {
			t.Errorf("%s:\n%s", tt.index, plan)
		}
	}
}

func TestCancel(t *testing.T) {
	s := open(t)
	queued := submit(t, s, run.Request{})
	got, asked, err := s.Cancel(t.Context(), project, queued.ID)
	if err != nil || !asked || got.State != run.Cancelled || got.FinishedAt == nil || got.Cancelling {
		t.Errorf("%+v, %v, %v", got, asked, err)
	}
	if again, asked, err := s.Cancel(t.Context(), project, queued.ID); err != nil || asked || !cmp.Equal(again, got) {
		t.Errorf("%+v, %v, %v", again, asked, err)
	}

	r := running(t, s, run.Request{})
	for range 2 {
		if got, asked, err = s.Cancel(t.Context(), project, r.ID); err != nil || !asked || got.State != run.Running || !got.Cancelling {
			t.Errorf("%+v, %v, %v", got, asked, err)
		}
	}
	if receipt, err := s.Heartbeat(t.Context(), r.ID, 1, pod); err != nil || !receipt.Cancel {
		t.Errorf("%+v, %v", receipt, err)
	}
	if receipt, _, err := s.Append(t.Context(), r.ID, 1, pod, report(1, 1)); err != nil || !receipt.Cancel {
		t.Errorf("%+v, %v", receipt, err)
	}
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Failed, Reason: run.RunnerLost}); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Get(t.Context(), project, r.ID); err != nil || got.State != run.Cancelled {
		t.Errorf("%+v, %v", got, err)
	}
	want := []run.StateData{{State: run.Queued}, {State: run.Starting}, {State: run.Running}, {State: run.Running, Cancelling: true}, {State: run.Cancelled}}
	if diff := cmp.Diff(want, states(t, s, r.ID)); diff != "" {
		t.Error(diff)
	}
}
