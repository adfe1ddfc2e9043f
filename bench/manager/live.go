package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// figures are what came of a load.
type figures struct {
	events  float64         // confirmed, a second
	stream  []time.Duration // from a runner's request to the reader
	receipt []time.Duration // from a runner's request to its answer
	late    []time.Duration // the same from when it was due
	submit  []time.Duration // of a run
	shown   int64           // events that readers were given, of those that count
}

// drive lets the runners of pods work against a server, with a reader each.
func drive(ctx context.Context, url, user string, pods []pod, l load, window func(begin bool)) (figures, error) {
	var f figures
	runners, readers := make([]*runner, len(pods)), make([]*reader, len(pods))
	defer func() {
		for i := range pods {
			if runners[i] != nil {
				runners[i].Close()
			}
			if readers[i] != nil {
				readers[i].Close()
			}
		}
	}()
	var err error
	for i, p := range pods {
		if runners[i], err = newRunner(ctx, url, p, l); err != nil {
			return f, err
		}
		if readers[i], err = newReader(ctx, url, p, user); err != nil {
			return f, err
		}
	}
	count := &counting{}
	var reading errgroup.Group
	var ready sync.WaitGroup
	var failed atomic.Pointer[error]
	for _, r := range readers {
		ready.Add(1)
		once := sync.OnceFunc(ready.Done)
		reading.Go(func() error {
			err := r.read(once, count)
			once()
			if err != nil {
				failed.Store(&err)
			}
			return err
		})
	}
	ready.Wait()
	if err := failed.Load(); err != nil {
		return f, *err
	}
	begin := time.Now().Add(100 * time.Millisecond)
	count.from = begin.Add(l.warm)
	count.to = count.from.Add(l.measure)
	end := count.to.Add(500 * time.Millisecond) // what counts is not the last
	working, stop := errgroup.WithContext(ctx)
	for i, r := range runners {
		working.Go(func() error { return r.work(i, begin, end, count) })
	}
	if l.submits > 0 {
		working.Go(func() (err error) {
			f.submit, err = submitting(stop, url, user, l, begin, end, count)
			return err
		})
	}
	working.Go(func() error {
		time.Sleep(time.Until(count.from))
		window(true)
		time.Sleep(time.Until(count.to))
		window(false)
		return nil
	})
	if err := working.Wait(); err != nil {
		return f, err
	}
	time.Sleep(time.Second) // what was stored has been read by then, or is late indeed
	for _, r := range readers {
		r.Close()
	}
	if err := reading.Wait(); err != nil {
		return f, err
	}
	for i := range pods {
		pods[i].next, pods[i].last = runners[i].next, readers[i].last
		f.stream = append(f.stream, readers[i].took...)
		f.receipt, f.late = append(f.receipt, runners[i].took...), append(f.late, runners[i].late...)
	}
	f.events, f.shown = float64(count.stored.Load())/l.measure.Seconds(), int64(len(f.stream))
	if want := count.stored.Load(); f.shown != want {
		return f, fmt.Errorf("readers were given %d events of %d", f.shown, want)
	}
	return f, nil
}

// submitting submits runs at their turns, each by a connection of its own if the one
// before is still waiting.
func submitting(ctx context.Context, url, user string, l load, begin, end time.Time, count *counting) ([]time.Duration, error) {
	const users = 16
	took := make([][]time.Duration, users)
	var all errgroup.Group
	turn := make(chan time.Time, 1000)
	for i := range users {
		c, err := dial(ctx, url, "POST /v1/runs", user, "")
		if err != nil {
			return nil, err
		}
		all.Go(func() error {
			defer c.Close()
			for due := range turn {
				if _, err := submit(c); err != nil {
					return err
				}
				if count.has(due) {
					took[i] = append(took[i], time.Since(due))
				}
			}
			return nil
		})
	}
	every := time.Second / time.Duration(l.submits)
	for due := begin; due.Before(end) && ctx.Err() == nil; due = due.Add(every) {
		time.Sleep(time.Until(due))
		turn <- due
	}
	close(turn)
	err := all.Wait()
	var d []time.Duration
	for _, t := range took {
		d = append(d, t...)
	}
	return d, err
}

// submit submits a run and gives its id.
func submit(c *conn) (string, error) {
	status, answer, err := c.ask([]byte(`{"prompt":"say hello","deadlineSeconds":3600}`))
	if err != nil {
		return "", fmt.Errorf("submitting: %w", err)
	}
	if status != http.StatusCreated {
		return "", fmt.Errorf("submitting: %d %s", status, answer)
	}
	var r run.Run
	if err := json.Unmarshal(answer, &r); err != nil {
		return "", fmt.Errorf("submitting: %w", err)
	}
	return r.ID, nil
}

// begin submits runs, waits for the pods that the manager makes for them and lets each
// claim its attempt.
func (w *world) begin(ctx context.Context, url string, n int) ([]pod, error) {
	c, err := dial(ctx, url, "POST /v1/runs", w.user, "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for range n {
		if _, err := submit(c); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan pod)
	making := make(chan error, 1)
	go func() { making <- w.cluster.pods(ctx, started) }()
	var claiming errgroup.Group
	claiming.SetLimit(8)
	var pods []pod
	for len(pods) < n {
		select {
		case p := <-started:
			pods = append(pods, p)
			claiming.Go(func() error { return claim(ctx, url, p.token) })
		case err := <-making:
			return nil, err
		}
	}
	return pods, claiming.Wait()
}
