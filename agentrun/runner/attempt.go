package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Config is what a runner is given by its Job.
type Config struct {
	ManagerURL string          // http(s)://host:port
	TokenFile  string          // with the pod's projected ServiceAccount token
	Codex      string          // path of Codex's native binary
	CodexHome  string          // filled by FillHome
	Workspace  string          // the folder that the agent works in
	Version    string          // of this program, told to Codex
	Env        []string        // of Codex, see CodexEnv
	Reap       func(codex int) // takes in what Codex leaves behind and has ended, such as ReapOrphans
	Orphans    func()          // ends what Codex has left running, such as EndOrphans
	HTTP       *http.Client
	Now        func() time.Time

	Timing Timing
}

// Timing is how patient the runner is. DefaultTiming is right outside of tests.
type Timing struct {
	Claim     time.Duration // until the manager has answered the claim
	Heartbeat time.Duration // between signs of life
	Hello     time.Duration // until Codex has answered each step of its start
	Patience  time.Duration // before each harder way to stop it
	Late      time.Duration // for items that come after the turn's end
	Flush     time.Duration // between the reports of a text that goes on
	Reap      time.Duration // between looks for what Codex has left behind
	Farewell  time.Duration // for the last events, the artifacts and the ending, after the agent's end
	Grace     time.Duration // for everything, once the pod was asked to end
	Retry     time.Duration // before the first repetition of a request
}

// DefaultTiming is the timing in a cluster. Stopping an agent takes half a minute at
// worst; Grace is ten seconds less than what lane gives a Job's pod (jobGrace in
// lane/render), after which the kubelet kills it in the middle of whatever it tells.
var DefaultTiming = Timing{
	Claim: 2 * time.Minute, Heartbeat: 10 * time.Second, Hello: 10 * time.Second, Patience: 5 * time.Second,
	Late: 500 * time.Millisecond, Flush: 50 * time.Millisecond, Reap: time.Second, Farewell: 90 * time.Second, Grace: 110 * time.Second, Retry: 200 * time.Millisecond,
}

// cause is why an attempt is stopped from outside.
type cause struct {
	state  run.State
	reason run.Reason
	words  string
}

func (c *cause) Error() string { return c.words }

var (
	causeCancel     = &cause{run.Cancelled, "", "it was cancelled"}
	causeDeadline   = &cause{run.TimedOut, "", "the deadline came before the end"}
	causeStall      = &cause{run.Failed, run.Stalled, "nothing happened for longer than the profile allows"}
	causeEvicted    = &cause{run.Failed, run.Evicted, "the pod was asked to end"}
	causeApproval   = &cause{run.Failed, run.ApprovalRequired, "the agent needs an approval, and the policy lets nobody give it"}
	causeSuperseded = &cause{run.Cancelled, "", errSuperseded.Error()}
)

// Run runs one attempt. ctx ends when the pod is asked to end. It gives how the
// attempt ended; the error has the exit code for that, and is nil when it succeeded.
func Run(ctx context.Context, cfg Config) (run.Ending, error) {
	up := &upstream{url: cfg.ManagerURL, tokenFile: cfg.TokenFile, http: cfg.HTTP, pause: cfg.Timing.Retry}
	claiming, cancel := context.WithTimeoutCause(ctx, cfg.Timing.Claim, errors.New("the manager did not answer in time"))
	defer cancel()
	task, err := up.claim(claiming)
	if err != nil {
		return run.Ending{}, &fail.Error{Code: Transient, Err: fmt.Errorf("claiming the attempt: %w", err), Hint: "see the manager's log"}
	}
	a := newAttempt(ctx, cfg, up, task)
	ending := a.run()
	return ending, exit(ending)
}

// exit is the error for how an attempt ended.
func exit(e run.Ending) error {
	code := fail.Failed
	switch {
	case e.State == run.Succeeded:
		return nil
	case e.State == run.Cancelled:
		code = fail.Interrupted
	case e.State == run.TimedOut:
		code = TimedOut
	case e.Reason.Transient():
		code = Transient
	case e.Reason == run.ConfigInvalid || e.Reason == run.AuthMissing || e.Reason == run.AuthRejected:
		code = BadConfig
	case e.Reason == run.Internal:
		code = Broken
	}
	return &fail.Error{Code: code, Err: fmt.Errorf("the attempt ended as %s %s: %s", e.State, e.Reason, fail.Clean(e.Message, 500))}
}

// attempt is one attempt under way.
type attempt struct {
	cfg     Config
	up      *upstream
	task    run.Assignment
	profile run.Profile
	began   time.Time

	work       context.Context // ends when the agent has to stop, with a *cause
	stop       context.CancelCauseFunc
	tell       context.Context // ends when nothing can be told any more
	feed       *feed
	say        *translator
	session    *codex.Session
	about      run.SessionData
	thread     codex.Thread
	log        *stderr
	kept       int              // artifacts
	leaving    bool             // the agent has ended
	before     map[string]stamp // the workspace's files before the agent worked there
	unsurveyed error            // why they are not known
	detach     func() bool
	farewell   context.CancelCauseFunc
}

func newAttempt(ctx context.Context, cfg Config, up *upstream, task run.Assignment) *attempt {
	a := &attempt{cfg: cfg, up: up, task: task, profile: task.Profile, began: cfg.Now()}
	a.work, a.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	a.tell, a.farewell = context.WithCancelCause(context.WithoutCancel(ctx))
	a.detach = context.AfterFunc(ctx, func() {
		a.stop(causeEvicted)
		select {
		case <-time.After(cfg.Timing.Grace):
			a.farewell(errors.New("the pod's grace was over"))
		case <-a.tell.Done():
		}
	})
	redact := newRedactor(append(knownSecrets(cfg.CodexHome, cfg.TokenFile), knownConfig(cfg.CodexHome)...))
	up.learn = func(token string) { redact.add(token) } // the kubelet renews it
	a.log = &stderr{}
	a.feed = newFeed(up, task.NextEvent, func() { a.stop(causeCancel) }, func(err error) {
		if errors.Is(err, errSuperseded) {
			a.stop(causeSuperseded)
			return
		}
		a.stop(&cause{run.Failed, run.Internal, err.Error()}) // a story with holes is no success
	})
	context.AfterFunc(a.work, a.feed.hurry)
	a.say = newTranslator(cfg.Now, redact, a.feed.put, a.keep)
	return a
}

// run is the attempt from the claim to its ending, which the manager has heard of
// unless it could not be reached.
func (a *attempt) run() run.Ending {
	left := time.Duration(a.task.Seconds * float64(time.Second))
	deadline := time.AfterFunc(left, func() { a.stop(causeDeadline) })
	defer deadline.Stop()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		a.feed.run(a.tell)
	}()
	beating := make(chan struct{})
	alive, dead := context.WithCancel(a.tell)
	go func() {
		defer close(beating)
		a.beat(alive)
	}()

	ending := a.drive()
	// From here on the attempt is over, and what is left to tell has a limit.
	limit := time.AfterFunc(a.cfg.Timing.Farewell, func() { a.farewell(errors.New("the manager did not answer before the end")) })
	defer limit.Stop()
	a.leave(&ending)
	a.feed.close()
	<-sent
	dead()
	<-beating
	err := a.feed.err()
	if err != nil && ending.State == run.Succeeded && a.tell.Err() == nil {
		ending.State, ending.Reason, ending.Message = run.Failed, run.Internal, cut(a.say.redact.text(err.Error()), 4000) // see newAttempt
	}
	if !errors.Is(err, errSuperseded) {
		// Without its last events an ending still tells more than silence.
		if err := a.up.finish(a.tell, ending); err != nil && !errors.Is(err, errSuperseded) {
			ending.Message = joined(ending.Message, "the manager was not told: "+err.Error())
		}
	}
	a.farewell(context.Canceled)
	a.stop(context.Canceled)
	a.detach()
	return ending
}

func joined(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
}

// beat gives signs of life, and hears from their answers of a cancellation.
func (a *attempt) beat(ctx context.Context) {
	tick := time.NewTicker(a.cfg.Timing.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch receipt, err := a.feed.beat(ctx); {
		case errors.Is(err, errSuperseded):
			a.stop(causeSuperseded)
			return
		case errors.Is(err, errForged), errors.Is(err, errForgot):
			a.feed.fail(err)
			a.stop(&cause{run.Failed, run.Internal, err.Error()})
			return
		case err == nil && receipt.Cancel:
			a.stop(causeCancel)
		}
	}
}

// ended is an ending with what is known in any case.
func (a *attempt) ended(state run.State, reason run.Reason, format string, args ...any) run.Ending {
	return run.Ending{State: state, Reason: reason, Message: cut(a.say.redact.text(fmt.Sprintf(format, args...)), 4000)}
}

// stopped is the ending for what has stopped the attempt from outside, if anything has.
func (a *attempt) stopped() (run.Ending, bool) {
	if why := new(cause); errors.As(context.Cause(a.work), &why) {
		return a.ended(why.state, why.reason, "%s", why.words), true
	}
	return run.Ending{}, false
}
