package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// reader is one stream of a run's events.
type reader struct {
	hub     *Hub
	over    <-chan struct{} // the token is accepted no more
	runID   string
	seq     int64 // the last event that was written
	w       http.ResponseWriter
	control *http.ResponseController
}

// The times of a stream.
const (
	heartbeat = 15 * time.Second
	writeTime = 10 * time.Second // of one write: who does not read meanwhile is cut
	retryTime = 500 * time.Millisecond
)

// The bounds of one write.
const (
	pageEvents = 200
	writeBytes = 256 << 10
)

// read writes events until the run has ended, the client is gone, ctx ends or the hub
// closes. Its error is that the client did not take them.
func (r *reader) read(ctx context.Context) error {
	t, leave := r.hub.follow(r.runID)
	defer leave()
	if err := r.write([]byte("retry: 1000\n\n")); err != nil {
		return err
	}
	asked := 0 // the version of the topic when the store had no more
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.hub.closed:
			return nil
		case <-r.over:
			return nil // who comes back is told
		case <-ctx.Done():
			return nil
		default:
		}
		frames, version, wake := t.next(r.seq)
		ended := false
		if frames == nil && (version == 0 || version != asked) {
			page, err := r.hub.events(ctx, store.AnyProject, r.runID, r.seq)
			switch {
			case err == nil:
				for _, e := range page.Events {
					frames = append(frames, encode(e))
				}
				if ended = page.Ended; !page.More {
					asked = version
				}
			case ctx.Err() != nil || !store.Unavailable(err):
				return nil
			default: // it comes back, and the stream goes on
				wake = after(ctx, retryTime)
			}
		}
		if len(frames) > 0 {
			last, err := r.frames(frames)
			if err != nil || last {
				return err
			}
			if !ended {
				continue
			}
		}
		if ended {
			return r.write([]byte(endFrame))
		}
		select {
		case <-wake:
		case <-beat.C:
			if err := r.write([]byte(": still here\n\n")); err != nil {
				return err
			}
		case <-r.hub.closed:
		case <-r.over:
		case <-ctx.Done():
		}
	}
}

// endFrame says that the run has ended and that there is no reason to come back.
const endFrame = "event: end\ndata: {}\n\n"

// frames writes frames, and the end after the last one of the run.
func (r *reader) frames(frames []frame) (last bool, err error) {
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes...)
		if last = f.last; last {
			b = append(b, endFrame...)
		}
		r.seq = f.seq
		if len(b) >= writeBytes {
			if err := r.write(b); err != nil {
				return last, err
			}
			b = b[:0]
		}
	}
	if len(b) == 0 {
		return last, nil
	}
	return last, r.write(b)
}

func (r *reader) write(b []byte) error {
	if err := r.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := r.w.Write(b); err != nil {
		return err
	}
	return r.control.Flush()
}

// encode writes an event as text/event-stream has it. Its type is checked when it
// comes in and its data is on one line, so nothing in it can end a field.
func encode(e run.Event) frame {
	data, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Errorf("encoding an event that was stored: %w", err))
	}
	f := frame{seq: e.Seq, bytes: fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)}
	if e.Type == run.StateChanged {
		var d run.StateData
		f.last = json.Unmarshal(e.Data, &d) == nil && d.State.Terminal()
	}
	return f
}

// after is time.After that ends with ctx.
func after(ctx context.Context, d time.Duration) <-chan struct{} {
	ctx, cancel := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, cancel)
	return ctx.Done()
}
