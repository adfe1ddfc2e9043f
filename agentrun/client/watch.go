package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// silence is how long a stream may say nothing, not even that it lives, which it
// does every 15 seconds.
const silence = 45 * time.Second

var (
	errEnded  = errors.New("the run has ended")
	errClosed = fmt.Errorf("%w: the stream was closed", errNetwork)
	errGap    = errors.New("events are missing in the stream")
)

// Watch gives the events of the run after the one with the number after, in their
// order, each once, and ends after the run's end. It comes back by itself when a
// connection ends, where it was. An error is the last that it gives: a *Problem, or
// that the manager was away for longer than Patience.
func (c *Client) Watch(ctx context.Context, id string, after int64) iter.Seq2[run.Event, error] {
	return func(yield func(run.Event, error) bool) {
		w := watch{client: c, id: id, last: after, heard: time.Now()}
		wait := firstWait
		for {
			heard, last := w.heard, w.last
			stopped, err := w.connection(ctx, yield)
			switch {
			case stopped || errors.Is(err, errEnded):
				return
			case ctx.Err() != nil:
				yield(run.Event{}, ctx.Err())
				return
			case errors.Is(err, errGap) && w.last > last:
				// Once more from there; a manager that leaves it out again is wrong.
			case !passes(err, always) || time.Since(w.heard) >= c.Patience:
				yield(run.Event{}, err)
				return
			}
			if w.heard.After(heard) {
				wait = firstWait
			}
			if err := c.pause(ctx, err, wait); err != nil {
				yield(run.Event{}, err)
				return
			}
			wait = min(2*wait, longestWait)
		}
	}
}

// watch is where a Watch is.
type watch struct {
	client *Client
	id     string
	last   int64     // number of the last event that was given
	heard  time.Time // when the manager last said something on a stream
}

// connection gives what one connection brings. It reports whether who asked wants
// no more; errEnded is that there is no more.
func (w *watch) connection(ctx context.Context, yield func(run.Event, error) bool) (stopped bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := w.client.send(ctx, request{
		method: http.MethodGet, path: []string{"v1", "runs", w.id, "events"},
		header: http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {strconv.FormatInt(w.last, 10)}},
	})
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return false, errors.New("the answer is not a stream of events")
	}
	quiet := time.AfterFunc(silence, func() { cancel(fmt.Errorf("%w: the stream said nothing for %v", errNetwork, silence)) })
	defer quiet.Stop()
	w.heard = time.Now()
	messages := newStream(reads{resp.Body, func() {
		w.heard = time.Now()
		quiet.Reset(silence)
	}})
	for {
		m, err := messages.next()
		switch {
		case errors.Is(err, io.EOF):
			return false, errClosed
		case errors.Is(err, errMessageLong):
			return false, err
		case err != nil && context.Cause(ctx) != nil:
			return false, context.Cause(ctx)
		case err != nil:
			return false, fmt.Errorf("%w: %w", errNetwork, err)
		case m.event == "end":
			return false, errEnded
		}
		if stopped, err := w.give(m, yield); stopped || err != nil {
			return stopped, err
		}
	}
}

// give passes an event on, unless it was given before.
func (w *watch) give(m message, yield func(run.Event, error) bool) (stopped bool, err error) {
	var e run.Event
	if err := json.Unmarshal(m.data, &e); err != nil {
		return false, fmt.Errorf("an event is not what this client knows: %w", err)
	}
	switch {
	case e.Seq <= w.last:
		return false, nil
	case e.Seq != w.last+1:
		return false, fmt.Errorf("%w: %d is followed by %d", errGap, w.last, e.Seq)
	}
	w.last = e.Seq
	if !yield(e, nil) {
		return true, nil
	}
	return false, ended(e)
}

// ended is errEnded after the event that nothing follows.
func ended(e run.Event) error {
	if e.Type != run.StateChanged {
		return nil
	}
	var s run.StateData
	if err := json.Unmarshal(e.Data, &s); err != nil {
		return fmt.Errorf("a change of state is not what this client knows: %w", err)
	}
	if s.State.Terminal() {
		return errEnded
	}
	return nil
}

// reads calls heard whenever something was read.
type reads struct {
	io.Reader
	heard func()
}

func (r reads) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.heard()
	}
	return n, err
}
