package run_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func drawStep(t *rapid.T, attempt int) run.Step {
	return run.Step{
		Kind:    rapid.SampledFrom([]run.Kind{run.Dispatch, run.Claim, run.Finish, run.Lose, run.Cancel, "nonsense"}).Draw(t, "kind"),
		Attempt: max(0, attempt+rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(t, "offset")),
		End:     rapid.SampledFrom(run.States[:]).Draw(t, "end"),
		Reason:  rapid.SampledFrom(run.Reasons[:]).Draw(t, "reason"),
	}
}

// Whatever happens in whatever order: what has ended stays as it is, attempts only
// grow, and each change is one that its step may make.
func TestHistoriesKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "attempts")
		s := run.Status{State: run.Queued, MaxAttempts: limit}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			step := drawStep(t, s.Attempt)
			after, err := s.Apply(step)
			judge(t, s, after, step, err)
			s = after
		}
	})
}

func judge(t *rapid.T, before, after run.Status, step run.Step, err error) {
	t.Helper()
	fail := func(why string) { t.Fatalf("%s: %+v, %+v -> %+v, %v", why, step, before, after, err) }
	if err != nil {
		if after != before {
			fail("it was refused and changed something")
		}
		if !errors.Is(err, run.ErrTerminal) && !errors.Is(err, run.ErrSuperseded) && !errors.Is(err, run.ErrNotNow) {
			fail("it was refused without a reason")
		}
		return
	}
	speaks := step.Kind == run.Claim || step.Kind == run.Finish || step.Kind == run.Lose
	switch {
	case before.State.Terminal():
		fail("something happened after the end")
	case after.MaxAttempts != before.MaxAttempts || before.Cancelling && !after.Cancelling:
		fail("it forgot something")
	case after.Attempt != before.Attempt && (step.Kind != run.Dispatch || after.Attempt != before.Attempt+1):
		fail("the attempt changed otherwise than by a dispatch")
	case after.Attempt > after.MaxAttempts:
		fail("there are more attempts than allowed")
	case speaks && (step.Attempt != before.Attempt || before.State == run.Queued):
		fail("an attempt that is not under way was heard")
	}
	if after == before {
		return
	}
	allowed := false
	switch step.Kind {
	case run.Dispatch:
		allowed = before.State == run.Queued && after.State == run.Starting
	case run.Claim:
		allowed = before.State == run.Starting && after.State == run.Running
	case run.Cancel:
		allowed = before.State == run.Queued && after.State == run.Cancelled || after.State == before.State && after.Cancelling
	case run.Finish:
		allowed = before.State == run.Running && step.End.Terminal() && (after.State == step.End || step.End == run.Failed)
	case run.Lose:
		allowed = true
	}
	again := after.State == run.Queued && before.State != run.Queued
	if !allowed || again && (before.Cancelling || !step.Reason.Transient() || before.Attempt >= before.MaxAttempts) {
		fail("no such step leads there")
	}
}

// A run whose attempts all fail for a passing cause ends after exactly as many as
// it was allowed.
func TestRetriesEnd(t *testing.T) {
	for limit := 1; limit <= 4; limit++ {
		s := run.Status{State: run.Queued, MaxAttempts: limit}
		for !s.State.Terminal() {
			for _, step := range []run.Step{{Kind: run.Dispatch}, {Kind: run.Claim, Attempt: s.Attempt + 1}, {Kind: run.Lose, Attempt: s.Attempt + 1, Reason: run.RunnerLost}} {
				var err error
				if s, err = s.Apply(step); err != nil {
					t.Fatal(err)
				}
			}
		}
		if s.State != run.Failed || s.Attempt != limit {
			t.Errorf("with %d attempts it ended as %+v", limit, s)
		}
	}
}
