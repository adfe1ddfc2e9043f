package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/child"
)

// drive takes Codex from its start through one turn to its end.
func (a *attempt) drive() run.Ending {
	if err := Check(a.cfg.Workspace, a.cfg.CodexHome); err != nil {
		return a.ended(run.Failed, run.ConfigInvalid, "%v", err)
	}
	if ending, ok := a.tryConfig(); !ok {
		return ending
	}
	a.survey()
	session, err := codex.Start(a.command("--strict-config"))
	if err != nil {
		return a.ended(run.Failed, run.ConfigInvalid, "%v", err)
	}
	a.session = session
	reaped := a.reap(session)
	ending := a.converse()
	_ = session.End(a.cfg.Timing.Patience) // how it ends says nothing once its turn has
	<-reaped
	a.cfg.Orphans()
	return ending
}

// reap takes in what Codex leaves behind until Codex itself has ended. The channel is
// closed then.
func (a *attempt) reap(session *codex.Session) <-chan struct{} {
	reaped := make(chan struct{})
	go func() {
		defer close(reaped)
		tick := time.NewTicker(a.cfg.Timing.Reap)
		defer tick.Stop()
		for {
			select {
			case <-session.Done():
				return
			case <-tick.C:
				a.cfg.Reap(session.Pid())
			}
		}
	}()
	return reaped
}

// tryConfig lets Codex read its configuration without starting: it says where in the
// file something is wrong.
func (a *attempt) tryConfig() (run.Ending, bool) {
	ctx, cancel := context.WithTimeoutCause(a.work, 2*a.cfg.Timing.Hello, errors.New("codex did not answer in time"))
	defer cancel()
	c := a.command("--strict-config", "--print-startup-config")
	cmd := exec.Command(c.Path, c.Args...)
	out := &head{limit: 64 << 10}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, out, c.Log
	err := child.Run(ctx, cmd)
	if err == nil {
		return run.Ending{}, true
	}
	if ending, stopped := a.stopped(); stopped {
		return ending, false
	}
	var said struct {
		Error struct {
			Message string `json:"message"`
			Data    struct {
				File   string `json:"filePath"`
				Line   int    `json:"line"`
				Column int    `json:"column"`
				Detail string `json:"detail"`
			} `json:"data"`
		} `json:"error"`
	}
	if json.Unmarshal(out.data, &said) == nil && said.Error.Data.Detail != "" {
		d := said.Error.Data
		return a.ended(run.Failed, run.ConfigInvalid, "%s:%d:%d: %s", d.File, d.Line, d.Column, d.Detail), false
	}
	if child.Missing(err) {
		return a.ended(run.Failed, run.ConfigInvalid, "codex is not at %s", c.Path), false
	}
	return a.ended(run.Failed, run.ConfigInvalid, "codex does not start: %v: %s%s", err, said.Error.Message, a.log.text()), false
}

func (a *attempt) command(args ...string) codex.Command {
	return codex.Command{
		Path: a.cfg.Codex, Args: append([]string{"app-server"}, args...), Dir: a.cfg.Workspace, Env: a.cfg.Env, Log: a.log,
	}
}

// converse brings the session to a turn and follows it.
func (a *attempt) converse() run.Ending {
	ending, turn, ok := a.open()
	if !ok {
		if stopped, is := a.stopped(); is {
			return stopped
		}
		return ending
	}
	return a.follow(turn)
}

// open is everything before the turn. Each step has a limit: a program that hangs
// must not wait for the deadline.
func (a *attempt) open() (ending run.Ending, turn string, ok bool) {
	step := func(reason run.Reason, doing string, do func(ctx context.Context) error) bool {
		ctx, cancel := context.WithTimeoutCause(a.work, a.cfg.Timing.Hello, errors.New("it did not answer in time"))
		defer cancel()
		err := do(ctx)
		if errors.Is(err, codex.ErrEnded) {
			_ = a.session.End(0) // so that all of its last words are there
			reason = run.AppServerCrashed
			if a.log.text() != "" && strings.Contains(a.log.text(), "Error") {
				reason = run.ConfigInvalid // it says why it does not start
			}
		}
		if err != nil {
			ending = a.ended(run.Failed, reason, "%s: %v%s", doing, err, a.log.text())
		}
		return err == nil
	}
	var hello codex.Initialized
	var account codex.Account
	ok = step(run.AppServerCrashed, "starting codex", func(ctx context.Context) (err error) {
		hello, err = a.session.Initialize(ctx, codex.Client{Name: "agentrun_runner", Title: "AgentRun", Version: a.cfg.Version}, a.cfg.Timing.Hello)
		return err
	}) && step(run.AuthMissing, "asking for the account", func(ctx context.Context) (err error) {
		if account, err = a.session.Account(ctx); err == nil && account.Account == nil && account.Needed {
			err = errors.New("codex has no credential: auth.json is missing, or none that it can read")
		}
		return err
	})
	if !ok {
		return ending, "", false
	}
	if account.Account != nil && account.Account.Type == "apiKey" {
		if err := forgetKey(a.cfg.CodexHome); err != nil {
			return a.ended(run.Failed, run.Internal, "removing the API key's file: %v", err), "", false
		}
	}
	ok = step(run.ConfigInvalid, "beginning the conversation", func(ctx context.Context) (err error) {
		a.thread, err = a.session.StartThread(ctx, codex.ThreadOptions{
			Dir: a.cfg.Workspace, ApprovalPolicy: a.profile.ApprovalPolicy, Sandbox: a.profile.Sandbox, Model: a.profile.Model,
		})
		return err
	})
	if !ok {
		return ending, "", false
	}
	a.about = run.SessionData{CodexVersion: a.thread.Thread.Version, ThreadID: a.thread.Thread.ID, Model: a.thread.Model, Provider: a.thread.Provider}
	if a.about.CodexVersion == "" {
		a.about.CodexVersion = hello.UserAgent
	}
	a.say.emit(run.AgentSession, a.about)
	var begun codex.Turn
	ok = step(run.AgentError, "giving the agent its task", func(ctx context.Context) (err error) {
		begun, err = a.session.StartTurn(ctx, a.about.ThreadID, a.task.Prompt, a.profile.Effort)
		return err
	})
	return ending, begun.ID, ok
}

// follow takes what Codex says until its turn has ended or it has to stop.
func (a *attempt) follow(turn string) run.Ending {
	stall := time.Duration(a.profile.StallSeconds) * time.Second
	silence := time.NewTimer(stall)
	defer silence.Stop()
	flush := time.NewTicker(a.cfg.Timing.Flush)
	defer flush.Stop()
	stopping := a.work.Done()
	var tooLate <-chan time.Time // when an interrupted turn has not ended by itself

	var failed *run.Ending // decided here, while Codex is being stopped
	interrupt := func(e run.Ending) {
		if failed == nil {
			failed = &e
			_ = a.session.Interrupt(a.about.ThreadID, turn) // a program that does not listen is ended in harder ways
			tooLate = time.After(a.cfg.Timing.Patience)
		}
	}
	handle := func(m *codex.Message) (ending run.Ending, done bool) {
		if note := new(codex.ErrorNote); m.Method != codex.ErrorRaised || m.Decode(note) != nil || !note.WillRetry {
			silence.Reset(stall) // an agent that tries in vain is as good as silent
		}
		switch {
		case m.IsRequest() && failed != nil:
			_ = a.session.Refuse(m, codex.MethodNotFound, "the turn is being stopped") // it approves nothing any more
		case m.IsRequest():
			if fails, err := a.answer(m); err == nil && fails {
				interrupt(a.ended(run.Failed, causeApproval.reason, "%s", causeApproval.words))
			}
		case m.Method == codex.TurnStarted:
			a.say.emit(run.TurnStarted, struct{}{})
		case m.Method == codex.TurnCompleted:
			var n codex.TurnNote
			if m.Decode(&n) != nil {
				return a.ended(run.Failed, run.AgentError, "codex ended its turn in a way that is not understood"), true
			}
			ending = a.outcome(n.Turn)
			if failed != nil {
				ending = *failed
			}
			return ending, true
		case !m.IsResponse():
			a.say.notification(m)
		}
		return run.Ending{}, false
	}
	for _, m := range a.session.Kept() {
		if ending, done := handle(m); done {
			return a.linger(ending)
		}
	}
	for {
		select {
		case m, more := <-a.session.Messages():
			if !more {
				if failed != nil {
					return *failed
				}
				_ = a.session.End(0)
				return a.ended(run.Failed, run.AppServerCrashed, "codex ended in the middle of its turn: %v%s", a.session.Err(), a.log.text())
			}
			if ending, done := handle(m); done {
				return a.linger(ending)
			}
		case <-stopping:
			stopping = nil
			if ending, is := a.stopped(); is {
				interrupt(ending)
			}
		case <-silence.C:
			if a.say.commandRuns() {
				silence.Reset(stall)
				continue
			}
			interrupt(a.ended(causeStall.state, causeStall.reason, "%s (%s)", causeStall.words, stall))
		case <-tooLate:
			return *failed
		case <-flush.C:
			a.say.flush()
		}
	}
}

// linger takes the items that come after the turn's end.
func (a *attempt) linger(ending run.Ending) run.Ending {
	late := time.After(a.cfg.Timing.Late)
	for {
		select {
		case m, more := <-a.session.Messages():
			if !more {
				return ending
			}
			switch {
			case m.IsRequest():
				_ = a.session.Refuse(m, codex.MethodNotFound, "the turn has ended")
			case !m.IsResponse():
				a.say.notification(m)
			}
		case <-late:
			return ending
		}
	}
}

// outcome says what the end of a turn means.
func (a *attempt) outcome(turn codex.Turn) run.Ending {
	note := run.TurnData{Status: turn.Status, DurationMS: turn.DurationMS}
	if turn.Error != nil {
		note.Error = cut(a.say.redact.text(turn.Error.Message), 4000)
	}
	a.say.emit(run.TurnCompleted, note)
	switch turn.Status {
	case "completed":
		return a.ended(run.Succeeded, "", "")
	case "interrupted":
		return a.ended(run.Failed, run.AgentError, "codex interrupted its turn by itself")
	}
	reason, word := reasonFor(turn.Error)
	message := "codex does not say why"
	if turn.Error != nil {
		message = turn.Error.Message
	}
	if word != "" {
		message += " (" + word + ")"
	}
	return a.ended(run.Failed, reason, "%s", message)
}

// head keeps the beginning of what is written to it.
type head struct {
	limit int
	data  []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.data = append(h.data, p[:min(len(p), max(0, h.limit-len(h.data)))]...)
	return len(p), nil
}

// stderr keeps the end of what Codex logs, without the colours.
type stderr struct {
	mu   sync.Mutex
	data []byte
	cut  bool // data is not all that was logged
}

// logBytes is how much of Codex's log is kept.
const logBytes = 8 << 10

func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = s.cut || len(s.data)+len(p) > logBytes
	s.data = append(s.data, p[max(0, len(p)-logBytes):]...)
	if over := len(s.data) - logBytes; over > 0 {
		s.data = append(s.data[:0], s.data[over:]...)
	}
	return len(p), nil
}

// wholeLines is the end of a text from where a line begins: the rest of a credential
// would not be recognised.
func wholeLines(end []byte) []byte {
	_, lines, _ := bytes.Cut(end, []byte("\n"))
	return lines
}

// text is what was logged, on lines of its own behind an error.
func (s *stderr) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.data
	if s.cut {
		data = wholeLines(data)
	}
	if text := strings.TrimSpace(string(bytes.ToValidUTF8(plain(data), nil))); text != "" {
		return fmt.Sprintf("\ncodex says:\n%s", text)
	}
	return ""
}
