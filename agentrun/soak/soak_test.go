package soak

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// story is a run and what its reader saw.
type story struct {
	task
	id     string
	events []run.Event
	err    error
}

// soak is one under way.
type soak struct {
	*world
	ctx     context.Context
	stories []*story
	cuts    *cuts

	replica             [2]sync.Mutex // held by whoever ends and starts it, as are these
	database, apiServer sync.Mutex

	mu    sync.Mutex
	kills map[string]int
	hit   map[string]map[run.Reason]bool // by Job: what may be told as the cause, from what was done to it
}

// TestSoak: whatever is killed, each run ends for a cause that it had, no event is lost
// or told twice, and nothing is left.
func TestSoak(t *testing.T) {
	t.Parallel()
	runs := number(t, "AGENTRUN_SOAK_RUNS", 12)
	seed := number(t, "AGENTRUN_SOAK_SEED", 1+rand.IntN(1<<30))
	t.Logf("%d runs; AGENTRUN_SOAK_SEED=%d makes the same choices", runs, seed)
	dice := rand.New(rand.NewPCG(uint64(seed), 0))
	s := &soak{world: newWorld(t, 12), ctx: t.Context(), kills: map[string]int{}, hit: map[string]map[run.Reason]bool{}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	t.Cleanup(transport.CloseIdleConnections)
	s.cuts = &cuts{next: transport, dice: rand.New(rand.NewPCG(uint64(seed), 1))}
	all := tasks()
	order := dice.Perm(len(all))
	for n := range runs {
		s.stories = append(s.stories, &story{task: all[order[n%len(all)]]})
	}
	began := time.Now()
	var users sync.WaitGroup
	var pauses, cancels []time.Duration
	for range s.stories {
		pauses = append(pauses, time.Duration(dice.IntN(400))*time.Millisecond)
		cancels = append(cancels, time.Duration(dice.IntN(6000))*time.Millisecond)
	}
	users.Go(func() {
		for i, one := range s.stories {
			users.Go(func() { s.use(one, cancels[i]) })
			time.Sleep(pauses[i])
		}
	})
	trouble, over := context.WithCancel(s.ctx)
	var troubled sync.WaitGroup
	s.service.lose(true)
	for _, plan := range s.plans(dice, runs) {
		own := rand.New(rand.NewPCG(dice.Uint64(), 0))
		troubled.Go(func() { s.makeTrouble(trouble, own, plan) })
	}
	users.Wait()
	over()
	troubled.Wait()
	s.service.lose(false)
	s.atRest()
	took := time.Since(began)
	s.judge()
	s.leaves()
	s.table(took)
}

// use is what a user does with a run: submit it, follow it to its end over all that
// happens, and perhaps not want it any more.
func (s *soak) use(one *story, patience time.Duration) {
	c := s.client()
	c.HTTP.Transport = s.cuts
	made, err := c.Submit(s.ctx, one.request, "")
	if err != nil {
		one.err = fmt.Errorf("submitting: %w", err)
		return
	}
	one.id = made.ID
	var leaving sync.WaitGroup
	defer leaving.Wait()
	begun := make(chan struct{})
	if one.cancel {
		leaving.Go(func() {
			if patience > 2*time.Second { // the others do not wait for their turn
				<-begun
				patience -= 2 * time.Second
			}
			time.Sleep(patience)
			if _, err := c.Cancel(s.ctx, one.id); err != nil {
				s.t.Errorf("cancelling %s: %v", one.id, err)
			}
		})
	}
	var once sync.Once
	begin := func() { once.Do(func() { close(begun) }) }
	defer begin()
	for e, err := range c.Watch(s.ctx, one.id, 0) {
		if e.Attempt > 0 {
			begin()
		}
		if err != nil {
			one.err = fmt.Errorf("watching: %w", err)
			return
		}
		one.events = append(one.events, e)
	}
}

// table prints what the soak was.
func (s *soak) table(took time.Duration) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	ends, attempts, events := map[string]int{}, map[int]int{}, 0
	for _, one := range s.stories {
		if len(one.events) == 0 {
			continue
		}
		last := one.events[len(one.events)-1]
		ends[strings.TrimSpace(fmt.Sprintf("%s %s", stateOf(last).State, stateOf(last).Reason))]++
		attempts[last.Attempt]++
		events += len(one.events)
	}
	row := func(what string, n any) { fmt.Fprintf(w, "%s\t%v\n", what, n) }
	row("runs", len(s.stories))
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		row("  "+name, ends[name])
	}
	for _, n := range slices.Sorted(maps.Keys(attempts)) {
		row(fmt.Sprintf("  after %d attempts", n), attempts[n])
	}
	row("events", events)
	for _, name := range slices.Sorted(maps.Keys(s.kills)) {
		row(name, s.kills[name])
	}
	row("streams", s.cuts.streams.Load())
	row("  cut by their reader", s.cuts.made.Load())
	row("connections that lost an answer", s.service.lost)
	row("duration", took.Round(time.Second))
	if err := w.Flush(); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("\n%s", b.String())
}
