package api

import (
	"context"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"
)

// intake bounds the bodies of runners' requests that are in memory at once: one of each
// operation and pod, and so many bytes of all. The agent can read its runner's token, and
// what many such requests at once would need is everybody's memory.
type intake struct {
	bytes *semaphore.Weighted
	mu    sync.Mutex
	taken map[turn]bool
}

// turn is what one pod does once at a time.
type turn struct {
	operation string
	pod       PodIdentity
}

func newIntake(bytes int64) *intake {
	return &intake{bytes: semaphore.NewWeighted(bytes), taken: map[turn]bool{}}
}

// enter waits until there is room for n bytes, for intakeTime at most. It does not wait
// for another request of the same turn: a runner sends one after the other, and tries
// again what it is told to.
func (in *intake) enter(ctx context.Context, t turn, n int64) (leave func(), ok bool) {
	in.mu.Lock()
	busy := in.taken[t]
	in.taken[t] = true
	in.mu.Unlock()
	if busy {
		return nil, false
	}
	end := func() {
		in.mu.Lock()
		delete(in.taken, t)
		in.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, intakeTime)
	defer cancel()
	if in.bytes.Acquire(ctx, n) != nil {
		end()
		return nil, false
	}
	return func() {
		in.bytes.Release(n)
		end()
	}, true
}

// intakeTime is how long a runner's request waits for room: less than it may take in all.
const intakeTime = requestTime / 2

// bounded has an operation for runners come in through the intake, before its body is read.
func (s *Server) bounded(api huma.API, op huma.Operation) huma.Operation {
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		leave, ok := s.reports.enter(ctx.Context(), turn{op.OperationID, runnerOf(ctx.Context()).pod}, bodyBytes(r, op.MaxBodyBytes))
		if !ok {
			s.write(api, ctx, unavailable())
			return
		}
		defer leave()
		next(ctx)
	})
	return op
}

// bodyBytes is how much of a body is read at most.
func bodyBytes(r *http.Request, limit int64) int64 {
	if r.ContentLength < 0 {
		return limit
	}
	return min(r.ContentLength, limit)
}
