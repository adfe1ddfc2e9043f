package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// The sizes and times of the feed.
const (
	feedBytes  = 4 << 20               // of events that wait; whoever has more waits too
	hurryBytes = 8 << 20               // likewise, once the attempt has to end; what is more is missed
	batchBytes = 256 << 10             // of one report, unless one event is larger
	batchTime  = 50 * time.Millisecond // that an event waits for others
)

// What it means that the manager counts other events than those that came from here. Who
// else could have reported some is whoever read the token: the agent.
var (
	errForged = errors.New("somebody else reports events with this attempt's token")
	errForgot = errors.New("the manager has forgotten events")
)

// counted compares the next event that the manager expects with what it must be.
func counted(next, want int64) error {
	switch {
	case next > want:
		return fmt.Errorf("%w: event %d is the next one, not %d", errForged, next, want)
	case next < want:
		return fmt.Errorf("%w: event %d is the next one, not %d", errForgot, next, want)
	}
	return nil
}

// feed carries events to the manager in the order in which they are put. One goroutine
// runs it.
type feed struct {
	up *upstream

	mu      sync.Mutex
	changed *sync.Cond
	waiting []run.RunnerEvent
	size    int   // of waiting, in bytes
	first   int64 // the number of the first of waiting
	closed  bool
	hurried bool // nobody waits any more
	missed  int  // events for which there was no room then
	last    time.Time
	sent    int64 // reports that were begun
	sending bool  // the last of them has no answer yet
	failed  error // why nothing is sent any more

	cancel func()      // somebody asked for the end of the run
	lost   func(error) // nothing is sent any more, for this reason
}

func newFeed(up *upstream, next int64, cancel func(), lost func(error)) *feed {
	f := &feed{up: up, first: next, cancel: cancel, lost: lost}
	f.changed = sync.NewCond(&f.mu)
	return f
}

func sizeOf(e run.RunnerEvent) int { return len(e.Data) + 100 }

// put adds an event. It waits while too many are on their way, until hurry; then it
// drops what there is no room for. It drops the event when nothing can be sent any more.
func (f *feed) put(e run.RunnerEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.size > feedBytes && f.failed == nil && !f.hurried {
		f.changed.Wait()
	}
	if f.failed != nil || f.closed {
		return
	}
	f.last = e.Time
	if f.size > hurryBytes {
		f.missed++
		return
	}
	f.waiting, f.size = append(f.waiting, e), f.size+sizeOf(e)
	f.changed.Broadcast()
}

// hurry says that the attempt has to end: whoever waits in put would miss that.
func (f *feed) hurry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hurried = true
	f.changed.Broadcast()
}

// run sends until close, and until all is sent then, or ctx ends.
func (f *feed) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { f.fail(context.Cause(ctx)) })
	defer stop()
	for {
		f.mu.Lock()
		for len(f.waiting) == 0 && !f.closed && f.failed == nil {
			f.changed.Wait()
		}
		idle, closed, failed := len(f.waiting) == 0, f.closed, f.failed
		f.mu.Unlock()
		if failed != nil || idle && closed {
			return
		}
		if !closed {
			time.Sleep(batchTime) // the end of the attempt is the one thing that does not wait
		}
		if err := f.send(ctx); err != nil {
			f.fail(err)
			f.lost(err)
			return
		}
	}
}

// send sends the next batch, until it is confirmed.
func (f *feed) send(ctx context.Context) error {
	f.mu.Lock()
	n, size := 0, 0
	for n < len(f.waiting) && n < run.MaxReportEvents && (n == 0 || size+sizeOf(f.waiting[n]) <= batchBytes) {
		size += sizeOf(f.waiting[n])
		n++
	}
	report := run.Report{First: f.first, Events: f.waiting[:n:n]}
	f.sent, f.sending = f.sent+1, true
	f.mu.Unlock()
	receipt, err := f.up.report(ctx, report)
	if err != nil {
		return fmt.Errorf("reporting events: %w", err)
	}
	if err := counted(receipt.NextEvent, report.First+int64(n)); err != nil {
		return fmt.Errorf("reporting events: %w", err)
	}
	f.mu.Lock()
	f.sending = false
	f.waiting, f.size, f.first = f.waiting[n:], f.size-size, f.first+int64(n)
	if len(f.waiting) == 0 {
		f.waiting = nil
	}
	f.changed.Broadcast()
	f.mu.Unlock()
	if receipt.Cancel {
		f.cancel()
	}
	return nil
}

// beat gives a sign of life. Its answer has the number of the next event too; what that
// must be is known unless a report was under way meanwhile.
func (f *feed) beat(ctx context.Context) (run.Receipt, error) {
	f.mu.Lock()
	first, sent, idle := f.first, f.sent, !f.sending
	f.mu.Unlock()
	receipt, err := f.up.heartbeat(ctx)
	if err != nil {
		return receipt, err
	}
	f.mu.Lock()
	idle = idle && f.sent == sent
	f.mu.Unlock()
	if err := counted(receipt.NextEvent, first); err != nil && idle {
		return receipt, fmt.Errorf("giving a sign of life: %w", err)
	}
	return receipt, nil
}

func (f *feed) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
	f.changed.Broadcast()
}

// close says that no event follows but the one that tells how many are missing.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.missed > 0 {
		text := fmt.Sprintf("%d events are missing here: the manager did not take them in time", f.missed)
		if data, err := json.Marshal(run.TextData{Text: text}); err == nil {
			e := run.RunnerEvent{Time: f.last, Type: run.Warning, Data: data}
			f.waiting, f.size = append(f.waiting, e), f.size+sizeOf(e)
		}
	}
	f.changed.Broadcast()
}

// err is why not all was sent, or nil.
func (f *feed) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}
