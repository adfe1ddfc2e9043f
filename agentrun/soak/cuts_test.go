package soak

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// cuts carries requests and breaks some streams off in the middle. It looks at each
// stream as it comes: what follows on the event that was asked for is the next one, and
// so on, whatever the client would make of it.
type cuts struct {
	next    http.RoundTripper
	streams atomic.Int64
	made    atomic.Int64 // cuts

	mu    sync.Mutex
	dice  *rand.Rand
	wrong []error
}

func (c *cuts) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		return resp, err
	}
	after, err := strconv.ParseInt(r.Header.Get("Last-Event-Id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the client does not say where it was: %w", err)
	}
	c.streams.Add(1)
	c.mu.Lock()
	left := -1
	if c.dice.IntN(2) == 0 {
		left = 100 + c.dice.IntN(6000)
	}
	c.mu.Unlock()
	resp.Body = &tap{ReadCloser: resp.Body, cuts: c, run: r.URL.Path, last: after, left: left}
	return resp, nil
}

// tap is the body of a stream.
type tap struct {
	io.ReadCloser
	cuts *cuts
	run  string
	last int64
	left int // bytes until it is cut; negative is never
	line []byte
}

func (t *tap) Read(p []byte) (int, error) {
	if t.left == 0 {
		t.cuts.made.Add(1)
		t.left = -1
		t.Close()
		return 0, io.ErrUnexpectedEOF
	}
	if t.left > 0 {
		p = p[:min(len(p), t.left)]
	}
	n, err := t.ReadCloser.Read(p)
	if t.left > 0 {
		t.left -= n
	}
	t.line = append(t.line, p[:n]...)
	for {
		line, rest, whole := bytes.Cut(t.line, []byte("\n"))
		if !whole {
			return n, err
		}
		t.see(line)
		t.line = bytes.Clone(rest)
	}
}

func (t *tap) see(line []byte) {
	text, ok := bytes.CutPrefix(line, []byte("id: "))
	if !ok {
		return
	}
	seq, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || seq != t.last+1 {
		t.cuts.mu.Lock()
		t.cuts.wrong = append(t.cuts.wrong, fmt.Errorf("%s: event %d is followed by %q", t.run, t.last, text))
		t.cuts.mu.Unlock()
	}
	t.last = seq
}
