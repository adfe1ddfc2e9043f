package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// pending is a report that waits to be stored.
type pending struct {
	id      uuid.UUID
	attempt int
	podUID  string
	first   int64
	times   []time.Time
	types   []string
	data    []string
	size    int // of data

	done  chan struct{}
	found attemptNow // what there was before, once done is closed
	err   error      // or why that is not known
}

func newPending(id string, attempt int, podUID string, r run.Report) (*pending, error) {
	u, err := runID(id)
	if err != nil {
		return nil, err
	}
	n := len(r.Events)
	p := &pending{
		id: u, attempt: attempt, podUID: podUID, first: r.First,
		times: make([]time.Time, n), types: make([]string, n), data: make([]string, n), done: make(chan struct{}),
	}
	for i, e := range r.Events {
		// One line each: text/event-stream carries them as they are.
		v := jsontext.Value(e.Data)
		if err := v.Compact(); err != nil {
			return nil, fmt.Errorf("storing events: the data of event %d is not JSON", r.First+int64(i))
		}
		p.times[i], p.types[i], p.data[i] = e.Time.UTC().Truncate(time.Microsecond), string(e.Type), string(v)
		p.size += len(v)
	}
	return p, nil
}

// receipt says what became of the report, and which of its events were new.
func (p *pending) receipt() (run.Receipt, []run.Event, error) {
	if p.err != nil {
		return run.Receipt{}, nil, p.err
	}
	a := p.found
	if err := a.speaks(p.attempt, p.podUID); err != nil {
		return run.Receipt{}, nil, err
	}
	if p.first > a.nextEvent {
		return run.Receipt{}, nil, &GapError{Next: a.nextEvent}
	}
	known := min(a.nextEvent-p.first, int64(len(p.data)))
	stored := make([]run.Event, 0, int64(len(p.data))-known)
	id := p.id.String()
	for i := int(known); i < len(p.data); i++ {
		stored = append(stored, run.Event{
			Seq: a.lastSeq + int64(len(stored)) + 1, RunID: id, Attempt: p.attempt,
			Time: p.times[i], Type: run.EventType(p.types[i]), Data: []byte(p.data[i]),
		})
	}
	return run.Receipt{NextEvent: a.nextEvent + int64(len(stored)), Cancel: a.cancel}, stored, nil
}

// group gathers the reports that come while others are being stored, and stores them
// with one statement and one commit. Nobody waits for company: a report that comes
// alone is stored at once.
type group struct {
	mu      sync.Mutex
	waiting []*pending
	writers int
}

// The bounds of a group.
const (
	groupWriters = 2   // at once: one executes while another's commit is on its way to the disk
	groupReports = 500 // stored together
	groupBytes   = 2 << 20
	groupTime    = 10 * time.Second // that storing may take
)

// add has p stored soon, unless it leaves before its turn.
func (g *group) add(s *Store, p *pending) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, p)
	if g.writers < groupWriters {
		g.writers++
		go g.write(s)
	}
}

// leave takes a report back that waits still, and reports whether it did: what has been
// taken is stored whatever becomes of who asked.
func (g *group) leave(p *pending) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, p)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// write stores groups until nobody waits.
func (g *group) write(s *Store) {
	for {
		g.mu.Lock()
		all := g.take()
		if len(all) == 0 {
			g.writers--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		s.store(all)
	}
}

// take takes the first of those that wait; of each run one at most, because a statement
// sees nothing of what it writes. g.mu is held.
func (g *group) take() []*pending {
	var all, rest []*pending
	runs := map[uuid.UUID]bool{}
	size := 0
	for i, p := range g.waiting {
		if len(all) == groupReports || len(all) > 0 && size+p.size > groupBytes {
			rest = append(rest, g.waiting[i:]...)
			break
		}
		if runs[p.id] {
			rest = append(rest, p)
			continue
		}
		runs[p.id] = true
		all, size = append(all, p), size+p.size
	}
	g.waiting = rest
	return all
}

// store stores reports of different runs together. What stands in the way of one, a row
// that somebody holds or data that Postgres does not take, is no matter to the others.
func (s *Store) store(all []*pending) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	err := s.append(ctx, appendPassing, all)
	for _, p := range all {
		switch {
		case err == nil && p.found.state != "":
			close(p.done)
		case Unavailable(err):
			p.err = err
			close(p.done)
		default:
			go s.storeAlone(p)
		}
	}
}

// storeAlone stores a report that could not be stored with others.
func (s *Store) storeAlone(p *pending) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	p.err = s.append(ctx, appendWaiting, []*pending{p})
	if p.err == nil && p.found.state == "" {
		p.err = ErrNotFound
	}
	close(p.done)
}

// append stores reports with one statement and notes what was there before; nothing of
// those that the statement passed over.
func (s *Store) append(ctx context.Context, query string, all []*pending) error {
	rows, err := s.Pool.Query(ctx, query, appendArgs(all)...)
	if err != nil {
		return fmt.Errorf("storing events: %w", err)
	}
	found := make([]attemptNow, len(all))
	var i int
	var a attemptNow
	_, err = pgx.ForEachRow(rows, []any{&i, &a.state, &a.attempt, &a.lastSeq, &a.cancel, &a.attemptState, &a.podUID, &a.nextEvent}, func() error {
		found[i-1] = a
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing events: %w", err)
	}
	for i, p := range all {
		p.found = found[i]
	}
	return nil
}

// appendArgs are reports as appendQuery takes them.
func appendArgs(all []*pending) []any {
	n := 0
	for _, p := range all {
		n += len(p.data)
	}
	ids, attempts, pods := make([][16]byte, len(all)), make([]int32, len(all)), make([]string, len(all))
	firsts, counts := make([]int64, len(all)), make([]int32, len(all))
	places, numbers, times := make([]int32, 0, n), make([]int32, 0, n), make([]time.Time, 0, n)
	types, data := make([]string, 0, n), make([]string, 0, n)
	for i, p := range all {
		ids[i], attempts[i], pods[i] = p.id, int32(p.attempt), p.podUID
		firsts[i], counts[i] = p.first, int32(len(p.data))
		for k := range p.data {
			places, numbers = append(places, int32(i+1)), append(numbers, int32(k+1))
		}
		times, types, data = append(times, p.times...), append(types, p.types...), append(data, p.data...)
	}
	return []any{ids, attempts, pods, firsts, counts, places, numbers, times, types, data}
}
