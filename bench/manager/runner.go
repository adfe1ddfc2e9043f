package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// counting is which of what happens counts.
type counting struct {
	from, to time.Time
	stored   atomic.Int64 // events that were confirmed
}

func (c *counting) has(t time.Time) bool { return !t.Before(c.from) && t.Before(c.to) }

// runner is the runner of one run.
type runner struct {
	*conn
	load
	next   int64 // number of the next event
	text   string
	report []byte
	took   []time.Duration // from the request to its answer
	late   []time.Duration // from the time at which it was due to its answer
}

// claim is what a runner does first. Its Job may not be noted yet.
func claim(ctx context.Context, url, token string) error {
	c, err := dial(ctx, url, "POST /runner/v1/claim", token, "")
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		status, answer, err := c.ask(nil)
		if err != nil {
			return fmt.Errorf("claiming: %w", err)
		}
		switch status {
		case http.StatusOK:
			return nil
		case http.StatusServiceUnavailable:
			time.Sleep(100 * time.Millisecond)
		default:
			return fmt.Errorf("claiming: %d %s", status, answer)
		}
	}
}

func newRunner(ctx context.Context, url string, p pod, l load) (*runner, error) {
	c, err := dial(ctx, url, "POST /runner/v1/events", p.token, "")
	return &runner{conn: c, load: l, next: p.next, text: strings.Repeat("x", l.bytes)}, err
}

// send reports events that say when they were sent, and waits for the receipt.
func (r *runner) send(now time.Time) error {
	b := fmt.Appendf(r.report[:0], `{"first":%d,"events":[`, r.next)
	stamp := now.UTC().Format(time.RFC3339Nano)
	for i := range r.load.report {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"time":"%s","type":"%s","data":{"itemId":"%s%d","text":"%s"}}`, stamp, run.MessageDelta, sent, now.UnixNano(), r.text)
	}
	r.report = append(b, `]}`...)
	status, answer, err := r.ask(r.report)
	if err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	var receipt run.Receipt
	if status != http.StatusOK {
		return fmt.Errorf("reporting: %d %s", status, answer)
	}
	if err := json.Unmarshal(answer, &receipt); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	r.next += int64(r.load.report)
	if receipt.NextEvent != r.next {
		return fmt.Errorf("reporting: the next event is %d, not %d", receipt.NextEvent, r.next)
	}
	return nil
}

// work reports at the runner's turns, the i-th of all runners, until end. Who is late
// does not leave out a turn: the events are there.
func (r *runner) work(i int, begin, end time.Time, count *counting) error {
	var every time.Duration
	if r.rate > 0 {
		every = time.Duration(float64(r.load.report*r.runs) / float64(r.rate) * float64(time.Second))
	}
	due := begin.Add(every * time.Duration(i) / time.Duration(r.runs))
	for due.Before(end) {
		time.Sleep(time.Until(due))
		now := time.Now()
		if now.After(end) {
			return nil
		}
		if err := r.send(now); err != nil {
			return err
		}
		if done := time.Now(); count.has(now) {
			r.took, r.late = append(r.took, done.Sub(now)), append(r.late, done.Sub(due))
			count.stored.Add(int64(r.load.report))
		}
		if due = due.Add(every); every == 0 {
			due = time.Now()
		}
	}
	return nil
}

// sent comes before the time at which an event was sent, in its data.
const sent = "sent-"

// reader reads the stream of one run.
type reader struct {
	*conn
	last int64           // the number of the last event
	took []time.Duration // from the runner's request to the reader
}

func newReader(ctx context.Context, url string, p pod, token string) (*reader, error) {
	c, err := dial(ctx, url, "GET /v1/runs/"+p.runID+"/events", token, fmt.Sprintf("Accept: text/event-stream\r\nLast-Event-ID: %d\r\n", p.last))
	return &reader{conn: c, last: p.last}, err
}

// read reads until the connection ends, and checks that no event is missing.
func (r *reader) read(ready func(), count *counting) error {
	body, err := r.stream()
	if err != nil {
		return err
	}
	ready()
	in := bufio.NewReaderSize(body, 4<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil // whoever ended it knows why
		}
		now := time.Now()
		switch {
		case bytes.HasPrefix(line, []byte("id: ")):
			n, err := strconv.ParseInt(string(bytes.TrimSpace(line[4:])), 10, 64)
			if err != nil || n != r.last+1 {
				return fmt.Errorf("event %d is followed by %s", r.last, line)
			}
			r.last = n
		case bytes.HasPrefix(line, []byte("data: ")):
			_, rest, found := bytes.Cut(line, []byte(sent))
			if !found {
				continue // not one of the runner's
			}
			digits, _, _ := bytes.Cut(rest, []byte(`"`))
			nanos, err := strconv.ParseInt(string(digits), 10, 64)
			if err != nil {
				return errors.New("an event does not say when it was sent")
			}
			if at := time.Unix(0, nanos); count.has(at) {
				r.took = append(r.took, now.Sub(at))
			}
		}
	}
}
