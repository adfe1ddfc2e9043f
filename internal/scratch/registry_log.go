package scratch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// registryLog follows what the registry says of itself: it tells where it
// listens nowhere else when the port was left open.
type registryLog struct {
	addr chan string // gets the address once

	mu    sync.Mutex
	tail  []string // the last messages
	line  []byte   // the unfinished last line
	found bool
}

func newRegistryLog() *registryLog { return &registryLog{addr: make(chan string, 1)} }

const (
	tailLines = 5
	lineBytes = 4096
)

// Write never fails, so that the registry never stops for its log.
func (l *registryLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for chunk := range bytes.Lines(p) {
		text, ended := bytes.CutSuffix(chunk, []byte("\n"))
		l.line = append(l.line, text[:min(len(text), lineBytes-len(l.line))]...)
		if ended {
			l.message(l.line)
			l.line = l.line[:0]
		}
	}
	return len(p), nil
}

func (l *registryLog) message(line []byte) {
	text := string(line)
	if _, rest, ok := strings.Cut(text, `msg="listening on `); ok && !l.found {
		l.found = true
		addr, _, _ := strings.Cut(rest, `"`)
		l.addr <- addr
	}
	l.tail = append(l.tail, text)
	l.tail = l.tail[max(0, len(l.tail)-tailLines):]
}

// last is the end of the log, for an error message.
func (l *registryLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tail) == 0 {
		return ""
	}
	return "\n  " + strings.Join(l.tail, "\n  ")
}

var errEnded = errors.New("the program ended")

func (l *registryLog) listening(ctx context.Context, ended <-chan struct{}) (string, error) {
	select {
	case addr := <-l.addr:
		return addr, nil
	case <-ended:
		return "", errEnded
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// answers waits until url is answered with 200.
func answers(ctx context.Context, url string, ended <-chan struct{}) error {
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
