package run

import (
	"errors"
	"fmt"
	"slices"
)

// State is where a run is.
type State string

// The states of a run.
const (
	Queued    State = "queued"    // it waits for its turn, or for another attempt
	Starting  State = "starting"  // an attempt's Job was asked for; no runner has reported yet
	Running   State = "running"   // a runner has claimed the attempt
	Succeeded State = "succeeded" // the agent finished its turn
	Failed    State = "failed"    // see Reason
	Cancelled State = "cancelled" // somebody asked for it
	TimedOut  State = "timed_out" // its deadline came first
)

// States are all states, in the order that a run goes through them.
var States = [...]State{Queued, Starting, Running, Succeeded, Failed, Cancelled, TimedOut}

// Terminal reports whether nothing can follow on s.
func (s State) Terminal() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == TimedOut
}

// Status is all that decides what may happen to a run next.
type Status struct {
	State       State
	Attempt     int  // the last one, 0 before the first
	MaxAttempts int  // at least 1
	Cancelling  bool // somebody asked for its end while an attempt was under way
}

// Kind says what happens to a run.
type Kind string

// What can happen to a run.
const (
	Dispatch Kind = "dispatch" // its turn has come: the next attempt begins
	Claim    Kind = "claim"    // the attempt's runner has reported
	Finish   Kind = "finish"   // the attempt's runner says how it ended
	Lose     Kind = "lose"     // the attempt ended without its runner saying how
	Cancel   Kind = "cancel"   // a user wants it to end
)

// Step is one thing that happens to a run.
type Step struct {
	Kind    Kind
	Attempt int    // that Claim, Finish and Lose speak of
	End     State  // of Finish: a terminal state
	Reason  Reason // of Lose, and of Finish with Failed
}

// What Apply refuses. Nothing has changed then.
var (
	ErrTerminal   = errors.New("the run has ended")
	ErrSuperseded = errors.New("another attempt has taken its place")
	ErrNotNow     = errors.New("it cannot happen in this state")
)

// Apply gives the status after step. Steps that say what is so already, such as a
// second Claim of the same attempt or a second Cancel, change nothing and are no
// error. A failure that another attempt may mend leads back to Queued while
// attempts are left and nobody has asked for the end.
func (s Status) Apply(step Step) (Status, error) {
	refuse := func(why error) (Status, error) {
		return s, fmt.Errorf("%s of attempt %d in state %s of attempt %d: %w", step.Kind, step.Attempt, s.State, s.Attempt, why)
	}
	switch step.Kind {
	case Cancel:
		switch {
		case s.State.Terminal():
			return refuse(ErrTerminal)
		case s.State == Queued:
			s.State = Cancelled
		default:
			s.Cancelling = true
		}
		return s, nil
	case Dispatch:
		switch {
		case s.State.Terminal():
			return refuse(ErrTerminal)
		case s.State != Queued:
			return refuse(ErrNotNow)
		}
		s.State, s.Attempt = Starting, s.Attempt+1
		return s, nil
	}
	switch {
	case step.Attempt != s.Attempt:
		return refuse(ErrSuperseded)
	case s.State.Terminal():
		return refuse(ErrTerminal)
	case s.State == Queued: // its attempt was given up
		return refuse(ErrSuperseded)
	}
	switch step.Kind {
	case Claim:
		s.State = Running
		return s, nil
	case Finish:
		if !step.End.Terminal() || s.State != Running {
			return refuse(ErrNotNow)
		}
		if step.End == Failed {
			return s.failed(step.Reason), nil
		}
		s.State = step.End
		return s, nil
	case Lose:
		return s.failed(step.Reason), nil
	}
	return refuse(ErrNotNow)
}

// failed is what follows on the failure of the attempt under way.
func (s Status) failed(reason Reason) Status {
	switch {
	case s.Cancelling:
		s.State = Cancelled
	case reason.Transient() && s.Attempt < s.MaxAttempts:
		s.State = Queued
	default:
		s.State = Failed
	}
	return s
}

// ParseState is the state of that name.
func ParseState(name string) (State, error) {
	if s := State(name); slices.Contains(States[:], s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is not a state", name)
}
