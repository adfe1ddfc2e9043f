package store

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/run"
)

const plenty = 1000

func next(t *testing.T, s *Store, maxAll int) []OpenAttempt {
	t.Helper()
	all, err := s.Next(t.Context(), maxAll)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ids(attempts []OpenAttempt) []string {
	all := []string{}
	for _, a := range attempts {
		all = append(all, a.RunID)
	}
	return all
}

func TestNextBeginsAnAttempt(t *testing.T) {
	s := open(t)
	var told []string
	r := submit(t, s, run.Request{Deadline: 77})
	s.Changed = func(id string) { told = append(told, id) }
	got := next(t, s, plenty)
	want := []OpenAttempt{{
		RunID: r.ID, Attempt: 1, State: run.Pending, DeadlineSeconds: 77,
		JobName: "run-" + strings.ReplaceAll(r.ID, "-", "") + "-1",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all, err := s.Open(t.Context())
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]string{r.ID}, told); diff != "" {
		t.Error(diff)
	}
	if again := next(t, s, plenty); len(again) > 0 {
		t.Errorf("it began again: %+v", again)
	}
	if diff := cmp.Diff([]run.StateData{{State: run.Queued}, {State: run.Starting}}, states(t, s, r.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestNextTakesTurns(t *testing.T) {
	s := open(t)
	low := submit(t, s, run.Request{Priority: -1})
	first := submit(t, s, run.Request{})
	second := submit(t, s, run.Request{})
	high := submit(t, s, run.Request{Priority: 1})
	gone := submit(t, s, run.Request{Priority: 100})
	if _, _, err := s.Cancel(t.Context(), project, gone.ID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{high.ID, first.ID}, ids(next(t, s, 2))); diff != "" {
		t.Error(diff)
	}
	if got := next(t, s, 2); len(got) > 0 {
		t.Errorf("more than two are under way: %+v", got)
	}
	if diff := cmp.Diff([]string{second.ID, low.ID}, ids(next(t, s, plenty))); diff != "" {
		t.Error(diff)
	}
}

// A project at its limit keeps nobody else waiting.
func TestNextKeepsProjectsWithinTheirLimits(t *testing.T) {
	s := open(t)
	for name, limit := range map[string]int{project: 2, "other": 1, "closed": 0} {
		if err := s.PutProject(t.Context(), Project{Name: name, MaxRunning: limit}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, _, err := s.Submit(t.Context(), name, run.Request{Prompt: "x", Priority: limit}, "", ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := next(t, s, plenty); len(got) != 3 {
		t.Errorf("%d runs began", len(got))
	}
	if got := next(t, s, plenty); len(got) != 0 {
		t.Errorf("%d more runs began", len(got))
	}
	all, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if _, err := s.Claim(t.Context(), a.RunID, 1, pod); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Finish(t.Context(), all[0].RunID, 1, pod, run.Ending{State: run.Succeeded}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, s, plenty); len(got) != 1 {
		t.Errorf("%d runs took one place", len(got))
	}
}

// Replicas that look at once begin each attempt once, and no more than fit.
func TestReplicasDispatchAtOnce(t *testing.T) {
	s := open(t)
	if err := s.PutProject(t.Context(), Project{Name: project, MaxRunning: 50}); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		submit(t, s, run.Request{})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	together(6, func(int) {
		for range 10 {
			got, err := s.Next(t.Context(), 45)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			for _, a := range got {
				seen[a.RunID]++
			}
			mu.Unlock()
		}
	})
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s began %d times", id, n)
		}
	}
	if len(seen) != 45 {
		t.Errorf("%d are under way, not 45", len(seen))
	}
}

func TestNextWaitsOutTheDelay(t *testing.T) {
	s := open(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.Now = func() time.Time { return at }
	r := submit(t, s, run.Request{MaxAttempts: 4})
	lose := func(attempt int) {
		t.Helper()
		got := next(t, s, plenty)
		if len(got) != 1 || got[0].RunID != r.ID || got[0].Attempt != attempt {
			t.Fatalf("got %+v, want attempt %d", got, attempt)
		}
		if state, err := s.Lose(t.Context(), got[0], run.RunnerLost, "gone"); err != nil || state != run.Queued {
			t.Fatalf("%s, %v", state, err)
		}
		at = at.Add(RetryDelay(attempt) - time.Second)
		if got := next(t, s, plenty); len(got) > 0 {
			t.Errorf("it did not wait: %+v", got)
		}
	}
	lose(1)
	at = at.Add(time.Second)
	lose(2)
	// A clock that was far ahead when the delay was written holds nothing up.
	at = at.Add(-time.Hour)
	lose(3)
	at = at.Add(time.Second)
	if got := next(t, s, plenty); len(got) != 1 || got[0].Attempt != 4 {
		t.Errorf("got %+v", got)
	}
	// Nor does the submission by a replica whose clock is ahead.
	at = at.Add(time.Minute)
	ahead := submit(t, s, run.Request{})
	at = at.Add(-time.Minute)
	if diff := cmp.Diff([]string{ahead.ID}, ids(next(t, s, plenty))); diff != "" {
		t.Error(diff)
	}
}

func TestScheduled(t *testing.T) {
	s := open(t)
	r := submit(t, s, run.Request{})
	is(t, s.Scheduled(t.Context(), r.ID, 1, "job"), run.ErrSuperseded)
	next(t, s, plenty)
	for range 2 {
		is(t, s.Scheduled(t.Context(), r.ID, 1, "job"), nil)
	}
	is(t, s.Scheduled(t.Context(), r.ID, 1, "another"), run.ErrSuperseded)
	is(t, s.Scheduled(t.Context(), "no id", 1, "job"), ErrNotFound)
	a, err := s.Attempt(t.Context(), r.ID, 1)
	if err != nil || a.State != run.Scheduled || a.JobUID != "job" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := s.Claim(t.Context(), r.ID, 1, pod); err != nil {
		t.Fatal(err)
	}
	is(t, s.Scheduled(t.Context(), r.ID, 1, "job"), nil)
	if a, err = s.Attempt(t.Context(), r.ID, 1); err != nil || a.State != run.Claimed {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Succeeded}); err != nil {
		t.Fatal(err)
	}
	is(t, s.Scheduled(t.Context(), r.ID, 1, "job"), run.ErrSuperseded)
}
