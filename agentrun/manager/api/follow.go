package api

import (
	"context"
	"iter"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Follow gives the events of a run after the one of that number to a reader within
// this process, as they come, each once and in order. It ends after the run's last
// event, when ctx ends and when the hub closes; an error is the last that it gives.
// Events come from the store, at most a page at a time in memory: the hub says when
// to ask.
func (h *Hub) Follow(ctx context.Context, project, id string, last int64) iter.Seq2[run.Event, error] {
	return func(yield func(run.Event, error) bool) {
		t, leave := h.follow(id)
		defer leave()
		for {
			_, _, wake := t.next(last) // taken before asking, so that no news is missed
			page, err := h.events(ctx, project, id, last)
			switch {
			case ctx.Err() != nil:
				return
			case store.Unavailable(err): // it comes back
				wake = after(ctx, retryTime)
			case err != nil:
				yield(run.Event{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
				last = e.Seq
			}
			switch {
			case err == nil && page.Ended:
				return
			case err == nil && page.More:
				continue
			}
			select {
			case <-wake:
			case <-h.closed:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}
