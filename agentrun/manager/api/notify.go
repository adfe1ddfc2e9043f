package api

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// channel is where replicas tell each other which runs have changed.
const channel = "agentrun_runs"

// idsPerNotify keeps a payload under Postgres's 8000 bytes.
const idsPerNotify = 200

// Run tells the other replicas and listens to them until ctx ends. While Postgres
// cannot be reached it goes on trying.
func (h *Hub) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, f := range []func(context.Context){h.notifying, h.listening, h.polling, h.rechecking} {
		all.Go(func() { f(ctx) })
	}
	all.Wait()
}

// notifying sends the news, many runs in one NOTIFY, and never within the
// transaction of an event: Postgres commits those that notify one by one.
func (h *Hub) notifying(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.tell:
		}
		if !pause(ctx, coalesce) {
			return
		}
		h.mu.Lock()
		news := h.news
		h.news = map[string]struct{}{}
		h.mu.Unlock()
		var ids []string
		for id := range news {
			if u, err := uuid.Parse(id); err == nil {
				ids = append(ids, hex.EncodeToString(u[:]))
			}
		}
		for some := range slices.Chunk(ids, idsPerNotify) {
			asking, cancel := context.WithTimeout(ctx, requestTime)
			_, err := h.Store.Pool.Exec(asking, "select pg_notify($1, $2)", channel, h.origin+" "+strings.Join(some, ","))
			cancel()
			if err != nil {
				if ctx.Err() == nil {
					h.Log.Debug("the other replicas were not told", "error", err.Error())
				}
				break // they poll
			}
		}
	}
}

// listening hears the others on a connection of its own.
func (h *Hub) listening(ctx context.Context) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		if h.listen(ctx) {
			wait = 50 * time.Millisecond
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// listen reports whether it heard anything before the connection broke.
func (h *Hub) listen(ctx context.Context) (heard bool) {
	conn, err := pgx.ConnectConfig(ctx, h.Store.Pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // it is broken, or the manager ends
	}()
	asking, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	if _, err := conn.Exec(asking, "listen "+channel); err != nil {
		return false
	}
	h.heard("") // what was told meanwhile
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return heard
		}
		heard = true
		origin, ids, _ := strings.Cut(n.Payload, " ")
		if origin == h.origin {
			continue
		}
		for id := range strings.SplitSeq(ids, ",") {
			if u, err := uuid.Parse(id); err == nil {
				h.heard(u.String())
			}
		}
	}
}

// polling asks Postgres for all runs that are read, in one question.
func (h *Hub) polling(ctx context.Context) {
	for pause(ctx, poll) {
		h.mu.Lock()
		topics := make(map[string]*topic, len(h.topics))
		ids := make([]string, 0, len(h.topics))
		for id, t := range h.topics {
			topics[id] = t
			ids = append(ids, id)
		}
		h.mu.Unlock()
		if len(ids) == 0 {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, poll)
		last, err := h.Store.LastSeqs(asking, ids)
		cancel()
		if err != nil {
			continue // the readers wait; the next time comes soon
		}
		for id, seq := range last {
			if t := topics[id]; seq > t.seen.Load() {
				t.changed(seq)
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
