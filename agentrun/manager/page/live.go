package page

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// The times of a stream.
const (
	streamTime = 5 * time.Minute  // then it is asked for again, and the token looked at
	beatTime   = 15 * time.Second // the longest silence
	writeTime  = 10 * time.Second // for a reader to take what is sent
)

// live sends what each event changes on the run's page, as the elements that it has
// there, and "end" after the run's end.
func (h *handler) live(w http.ResponseWriter, r *http.Request, who reader) {
	id := r.PathValue("id")
	one, err := h.Store.Get(r.Context(), who.project, id)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	after, err := position(r)
	if err != nil {
		http.Error(w, "that is not the number of an event", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	s := &stream{to: http.NewResponseController(w), w: w, stop: cancel}
	s.send("retry: 1000\n\n")
	events := make(chan run.Event)
	go func() {
		defer close(events)
		for e, err := range h.Follow(ctx, one.Project, one.ID, after) {
			if err != nil {
				if ctx.Err() == nil {
					h.Log.Warn("the page cannot follow a run", "run", one.ID, "error", err)
				}
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	h.pass(ctx, s, one, after, events)
}

// position is the number of the last event that the browser has.
func position(r *http.Request) (int64, error) {
	s := r.Header.Get("Last-Event-ID")
	if s == "" {
		s = r.URL.Query().Get("after")
	}
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func (h *handler) pass(ctx context.Context, s *stream, one run.Run, last int64, events <-chan run.Event) {
	beat := time.NewTicker(beatTime)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			s.send(": \n\n")
		case e, more := <-events:
			if !more {
				// After the end, or because this replica goes.
				if page, err := h.Store.Events(ctx, one.Project, one.ID, last, 1); err == nil && page.Ended && len(page.Events) == 0 {
					s.send("event: end\ndata:\n\n")
				}
				return
			}
			html, err := h.fragments(ctx, one, e)
			if err != nil {
				h.Log.Error("writing an event for the page", "run", one.ID, "seq", e.Seq, "error", err)
				return
			}
			last = e.Seq
			s.message(e.Seq, html)
		}
	}
}

// fragments are the elements that the event adds or replaces.
func (h *handler) fragments(ctx context.Context, one run.Run, e run.Event) ([]byte, error) {
	var b bytes.Buffer
	var t timeline
	if err := t.add(e); err != nil {
		return nil, err
	}
	write := func(name string, data any) error { return h.templates.ExecuteTemplate(&b, name, data) }
	if t.Usage != nil {
		if err := write("usage", t.Usage); err != nil {
			return nil, err
		}
	}
	if t.Diff != nil {
		if err := write("changes", t.Diff); err != nil {
			return nil, err
		}
	}
	for _, it := range t.Items {
		if err := write("item", it); err != nil {
			return nil, err
		}
	}
	if e.Type != run.StateChanged {
		return b.Bytes(), nil
	}
	now, err := h.Store.Get(ctx, one.Project, one.ID)
	if err != nil {
		return nil, err
	}
	if err := write("state", h.statePanel(now)); err != nil {
		return nil, err
	}
	out, err := h.outcome(ctx, one.Project, one.ID)
	if err == nil && out != nil {
		err = write("outcome", out)
	}
	return b.Bytes(), err
}

// stream writes to one reader. When he does not take it in time, it stops.
type stream struct {
	to   *http.ResponseController
	w    http.ResponseWriter
	stop context.CancelFunc
}

func (s *stream) message(seq int64, html []byte) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\n", seq)
	for line := range bytes.Lines(html) {
		fmt.Fprintf(&b, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	if len(html) == 0 {
		b.WriteString("data:\n")
	}
	b.WriteByte('\n')
	s.send(b.String())
}

func (s *stream) send(text string) {
	err := s.to.SetWriteDeadline(time.Now().Add(writeTime))
	if err == nil {
		_, err = s.w.Write([]byte(text))
	}
	if err == nil {
		err = s.to.Flush()
	}
	if err != nil {
		s.stop()
	}
}
