package cluster

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// steps are pieces of work that go on at the same time, each after those that it
// needs. Each says a line when it is done; the first that fails ends the others.
type steps struct {
	say   io.Writer
	start time.Time
	group *errgroup.Group
	ctx   context.Context //nolint:containedctx // the group's, for as long as wait takes
	mu    sync.Mutex
}

// done is closed when a step has ended well.
type done <-chan struct{}

func newSteps(ctx context.Context, say io.Writer) *steps {
	group, ctx := errgroup.WithContext(ctx)
	return &steps{say: say, start: time.Now(), group: group, ctx: ctx}
}

func (s *steps) do(name string, f func(context.Context) error, after ...done) done {
	ended := make(chan struct{})
	s.group.Go(func() error {
		for _, step := range after {
			select {
			case <-step:
			case <-s.ctx.Done():
				return context.Cause(s.ctx)
			}
		}
		begin := time.Now()
		if err := f(s.ctx); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		fmt.Fprintf(s.say, "%6.1fs  %s (%.1fs)\n", now.Sub(s.start).Seconds(), name, now.Sub(begin).Seconds())
		close(ended)
		return nil
	})
	return ended
}

func (s *steps) wait() error {
	if err := s.group.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(s.say, "%6.1fs  ready\n", time.Since(s.start).Seconds())
	return nil
}
