package codex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/child"
)

// Command says how to run the program.
type Command struct {
	Path string   // of the native binary
	Args []string // after the program's name, such as app-server --strict-config
	Dir  string
	Env  []string  // all of it
	Log  io.Writer // gets standard error
}

// Session is a running program. Its methods are for one goroutine.
type Session struct {
	process *child.Process
	in      *os.File
	out     *os.File
	heard   chan *Message // closed at the end of what it says
	backlog []*Message    // heard while a response was awaited
	kept    int           // bytes of backlog
	next    int           // the id of our next request

	mu     sync.Mutex
	broken error // why heard was closed before the program ended
	closed chan struct{}
	once   sync.Once
}

// ErrEnded is that the program has said its last word.
var ErrEnded = errors.New("codex has ended")

// Start runs the program. The caller ends it with End.
func Start(c Command) (*Session, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stderr = c.Dir, c.Env, c.Log
	out, answers, err := os.Pipe() // not StdoutPipe: Wait would close it before all is read
	if err != nil {
		return nil, fmt.Errorf("starting codex: %w", err)
	}
	defer answers.Close()
	cmd.Stdout = answers
	questions, in, err := os.Pipe() // not StdinPipe: a write to it has no limit
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("starting codex: %w", err)
	}
	defer questions.Close()
	cmd.Stdin = questions
	process, err := child.Start(cmd)
	if err != nil {
		out.Close()
		in.Close()
		return nil, fmt.Errorf("starting codex: %w", err)
	}
	s := &Session{process: process, in: in, out: out, heard: make(chan *Message), closed: make(chan struct{})}
	go s.listen()
	return s, nil
}

// listen hands on what the program says, at the pace of whoever takes it.
func (s *Session) listen() {
	defer close(s.heard)
	from := newLines(s.out)
	for {
		line, err := from.next()
		if err != nil {
			if errors.Is(err, ErrLineTooLong) {
				s.mu.Lock()
				s.broken = err
				s.mu.Unlock()
			}
			return
		}
		m, err := parse(line)
		if err != nil {
			continue // a stray print is no reason to lose the run
		}
		select {
		case s.heard <- m:
		case <-s.closed:
			return
		}
	}
}

// Messages gives what the program says, except what Call has kept back: take those
// with Kept first. It is closed when the program has said its last word.
func (s *Session) Messages() <-chan *Message { return s.heard }

// Kept gives what was heard during a Call, once.
func (s *Session) Kept() []*Message {
	kept := s.backlog
	s.backlog, s.kept = nil, 0
	return kept
}

// Err is ErrEnded, or why the program is not understood any more.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	return ErrEnded
}

// What may come before a response.
const (
	maxBacklog      = 10_000 // messages
	maxBacklogBytes = MaxLine
)

// writeTime bounds a write that has no limit of its own: a program that does not read
// must not hold up whoever ends it.
const writeTime = 5 * time.Second

// Call makes a request and waits for its response, keeping back what comes before.
// A refusal is an *RPCError.
func (s *Session) Call(ctx context.Context, method string, params, result any) error {
	id, err := s.ask(ctx, method, params)
	if err != nil {
		return err
	}
	for {
		select {
		case m, ok := <-s.heard:
			switch {
			case !ok:
				return fmt.Errorf("waiting for the answer to %s: %w", method, s.Err())
			case !m.IsResponse() || string(m.ID) != id:
				if s.kept += len(m.Params) + len(m.Result); len(s.backlog) >= maxBacklog || s.kept > maxBacklogBytes {
					return fmt.Errorf("waiting for the answer to %s: too much else came, %d messages", method, len(s.backlog))
				}
				s.backlog = append(s.backlog, m)
				continue
			case m.Error != nil:
				return fmt.Errorf("%s: %w", method, m.Error)
			case result == nil:
				return nil
			}
			if err := json.Unmarshal(m.Result, result, lenient); err != nil {
				return fmt.Errorf("the answer to %s is not as it should be", method)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("waiting for the answer to %s: %w", method, context.Cause(ctx))
		}
	}
}

// Ask makes a request without waiting. Its response comes as a message with the id.
func (s *Session) Ask(method string, params any) (id string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	return s.ask(ctx, method, params)
}

func (s *Session) ask(ctx context.Context, method string, params any) (id string, err error) {
	s.next++
	id = strconv.Itoa(s.next)
	return id, s.writeUntil(ctx, struct {
		ID     jsontext.Value `json:"id"`
		Method string         `json:"method"`
		Params any            `json:"params"`
	}{jsontext.Value(id), method, params})
}

// Notify says something that has no answer.
func (s *Session) Notify(method string) error {
	return s.write(map[string]string{"method": method})
}

// Answer answers a request of the program.
func (s *Session) Answer(to *Message, result any) error {
	return s.write(struct {
		ID     jsontext.Value `json:"id"`
		Result any            `json:"result"`
	}{to.ID, result})
}

// Refuse answers a request that nobody here can fulfil.
func (s *Session) Refuse(to *Message, code int, why string) error {
	return s.write(struct {
		ID    jsontext.Value `json:"id"`
		Error RPCError       `json:"error"`
	}{to.ID, RPCError{Code: code, Message: why}})
}

// MethodNotFound is JSON-RPC's code for a method that is not known.
const MethodNotFound = -32601

func (s *Session) write(v any) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	return s.writeUntil(ctx, v)
}

// writeUntil gives up when ctx ends. What was written by then may be half a line, so
// nothing more can be said to the program but that its input has ended.
func (s *Session) writeUntil(ctx context.Context, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = s.in.SetWriteDeadline(time.Time{})
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = s.in.SetWriteDeadline(time.Unix(1, 0))
		close(late)
	})
	_, err = s.in.Write(append(line, '\n'))
	if !stop() {
		<-late // or it would end the next write
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("speaking to codex, which does not read: %w", context.Cause(ctx))
	case errors.Is(err, syscall.EPIPE): // it ended before it could be spoken to
		return fmt.Errorf("speaking to codex: %w", ErrEnded)
	case err != nil:
		return fmt.Errorf("speaking to codex: %w", err)
	}
	return nil
}

// Pid is the process id of the program.
func (s *Session) Pid() int { return s.process.Pid() }

// Done is closed when the process has ended.
func (s *Session) Done() <-chan struct{} { return s.process.Done() }

// End ends the program: it closes its input and waits for patience, then stops its
// process group. What it still says meanwhile is dropped. It gives how the process
// ended, and may be called again.
func (s *Session) End(patience time.Duration) error {
	s.once.Do(func() {
		close(s.closed)
		s.in.Close()
		go func() { // the listener no longer takes what is said: a full pipe must not hold up the end
			for range s.heard {
			}
			_, _ = io.Copy(io.Discard, s.out)
		}()
		select {
		case <-s.process.Done():
		case <-time.After(patience):
		}
		s.process.Stop()
		s.out.Close()
	})
	return s.process.Err()
}
