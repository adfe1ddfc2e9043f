package api

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Hub tells the readers of runs what is new. Stored and Changed never block; Run
// carries what they say to the other replicas and hears theirs. A Hub keeps a few of
// the last events of each run that is read, and nothing of others.
type Hub struct {
	Store *store.Store
	Log   *slog.Logger

	origin string // names this replica among those that notify
	mu     sync.Mutex
	topics map[string]*topic
	tokens map[string]*use     // that streams were opened with, by id
	news   map[string]struct{} // runs that other replicas have not heard of yet
	tell   chan struct{}       // has one while news is not empty
	closed chan struct{}
	once   sync.Once
}

// The times of a Hub.
const (
	coalesce = 20 * time.Millisecond // of news into one NOTIFY
	poll     = 2 * time.Second       // of Postgres, whatever was heard
)

// NewHub makes a Hub that hears of its store's changes.
func NewHub(s *store.Store, log *slog.Logger) *Hub {
	h := &Hub{
		Store: s, Log: log, origin: uuid.NewString(), topics: map[string]*topic{}, tokens: map[string]*use{}, news: map[string]struct{}{},
		tell: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	s.Changed = h.Changed
	return h
}

// Close ends all streams, cleanly: their readers go on elsewhere.
func (h *Hub) Close() { h.once.Do(func() { close(h.closed) }) }

// Stored hands on events that were stored just now, in order.
func (h *Hub) Stored(runID string, events []run.Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	t := h.topics[runID]
	h.announce(runID)
	h.mu.Unlock()
	if t != nil {
		t.add(events)
	}
}

// Changed says that a run has events that nobody handed on.
func (h *Hub) Changed(runID string) {
	h.mu.Lock()
	t := h.topics[runID]
	h.announce(runID)
	h.mu.Unlock()
	if t != nil {
		t.changed(0)
	}
}

// announce adds to the news; h.mu is held.
func (h *Hub) announce(runID string) {
	h.news[runID] = struct{}{}
	select {
	case h.tell <- struct{}{}:
	default:
	}
}

// events asks the store for a page. A machine that is gone answers nothing, not even
// that it is gone, so the question has a limit.
func (h *Hub) events(ctx context.Context, project, id string, after int64) (store.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return h.Store.Events(ctx, project, id, after, pageEvents)
}

// heard is Changed from elsewhere; "" is every run.
func (h *Hub) heard(runID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if runID != "" {
		if t := h.topics[runID]; t != nil {
			t.changed(0)
		}
		return
	}
	for _, t := range h.topics {
		t.changed(0)
	}
}

// follow gives the topic of a run to a reader, which must leave it.
func (h *Hub) follow(runID string) (t *topic, leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t = h.topics[runID]
	if t == nil {
		t = &topic{wake: make(chan struct{}), version: 1}
		h.topics[runID] = t
	}
	t.readers++
	return t, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if t.readers--; t.readers == 0 {
			delete(h.topics, runID)
		}
	}
}

// frame is an event as it goes to its readers.
type frame struct {
	seq   int64
	bytes []byte
	last  bool // the run has ended with it
}

// topic is one run that is read.
type topic struct {
	readers int // of Hub.mu

	seen atomic.Int64 // the last event that is known of

	mu      sync.Mutex
	frames  []frame // without a gap, the last ones
	size    int     // of frames in bytes
	version int     // of what was heard, from 1
	wake    chan struct{}
}

// keepBytes bounds the frames of a topic, but for its last one.
const keepBytes = 32 << 10

// add takes events that are in order. Those that do not follow on what is there
// make what is there worthless; those that are there already are left out.
func (t *topic) add(events []run.Event) {
	frames := make([]frame, len(events))
	for i, e := range events {
		frames[i] = encode(e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range frames {
		if n := len(t.frames); n > 0 {
			last := t.frames[n-1].seq
			if f.seq <= last {
				continue // it was overtaken: who lacks it asks the store
			}
			if f.seq > last+1 {
				t.frames, t.size = nil, 0
			}
		}
		t.frames, t.size = append(t.frames, f), t.size+len(f.bytes)
	}
	for len(t.frames) > 1 && t.size > keepBytes {
		t.size -= len(t.frames[0].bytes)
		t.frames = t.frames[1:]
	}
	t.news(events[len(events)-1].Seq)
}

// changed wakes the readers to ask the store; seq is the last event when it is known.
func (t *topic) changed(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	t.news(seq)
}

func (t *topic) news(seq int64) {
	t.seen.Store(max(seq, t.seen.Load()))
	close(t.wake)
	t.wake = make(chan struct{})
}

// next gives what follows on event seq if it is there. Else the reader asks the
// store, unless it did at this version, and waits. Version 0 is of a reader that has
// missed events that were here: it must ask.
func (t *topic) next(seq int64) (frames []frame, version int, wake <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.frames)
	switch {
	case n == 0 || t.frames[n-1].seq <= seq:
		return nil, t.version, t.wake
	case t.frames[0].seq > seq+1:
		return nil, 0, t.wake
	}
	return t.frames[seq+1-t.frames[0].seq:], t.version, t.wake
}
