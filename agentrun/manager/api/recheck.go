package api

import (
	"context"
	"slices"
	"time"
)

// recheck is how often the tokens of open streams are looked at: one question for all
// of them, whatever their number and that of events. While Postgres cannot be asked
// streams stay open, and have nothing to tell.
const recheck = 5 * time.Second

// use is a token that streams were opened with.
type use struct {
	streams int
	over    chan struct{} // closed when it is accepted no more
}

// using notes a stream of the token, which must leave it. over is closed soon after the
// token was revoked or has expired.
func (h *Hub) using(token string) (over <-chan struct{}, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.tokens[token]
	if u == nil {
		u = &use{over: make(chan struct{})}
		h.tokens[token] = u
	}
	u.streams++
	return u.over, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if u.streams--; u.streams == 0 && h.tokens[token] == u {
			delete(h.tokens, token)
		}
	}
}

// rechecking ends the streams of tokens that are accepted no more.
func (h *Hub) rechecking(ctx context.Context) {
	for pause(ctx, recheck) {
		h.mu.Lock()
		ids := make([]string, 0, len(h.tokens))
		for id := range h.tokens {
			ids = append(ids, id)
		}
		h.mu.Unlock()
		if len(ids) == 0 {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, recheck)
		good, err := h.Store.Accepted(asking, ids)
		cancel()
		if err != nil {
			continue // the next time comes soon
		}
		slices.Sort(good)
		h.mu.Lock()
		for _, id := range ids {
			if _, ok := slices.BinarySearch(good, id); ok || h.tokens[id] == nil {
				continue
			}
			close(h.tokens[id].over)
			delete(h.tokens, id)
		}
		h.mu.Unlock()
	}
}
