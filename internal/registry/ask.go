package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
)

// question is one thing to ask a registry. It can be asked again.
type question struct {
	method      string
	url         string
	where       string // what it is about, for messages
	accept      []string
	contentType string
	size        int64                         // of the body
	body        func() (io.ReadCloser, error) // nil for none
	limit       int64                         // the most bytes of the answer
	redirects   int                           // how many may be followed, on the same host
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	length int64 // as announced; -1 when not
	body   []byte
}

// trouble is an attempt that may go better next time, after at least wait.
type trouble struct {
	err  error
	hint string
	wait time.Duration
}

func (t *trouble) Error() string { return t.err.Error() }
func (t *trouble) Unwrap() error { return t.err }

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
)

// ask asks until there is an answer of 2xx or 404, or an error that trying again
// does not change.
func (c *Client) ask(ctx context.Context, q question) (*answer, error) {
	return c.retry(ctx, q.where, func() (*answer, error) { return c.once(ctx, q) })
}

// retry repeats attempt for as long as its error is trouble.
func (c *Client) retry(ctx context.Context, where string, attempt func() (*answer, error)) (*answer, error) {
	pause := firstPause
	for try := 1; ; try++ {
		a, err := attempt()
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("asking %s: %w", where, context.Cause(ctx))
		}
		t, again := errors.AsType[*trouble](err)
		if !again {
			return nil, err
		}
		wait := max(pause, t.wait)
		if try >= c.Tries || wait > maxPause {
			if try > 1 {
				err = fmt.Errorf("%w (tried %d times)", err, try)
			}
			return nil, &fail.Error{Code: fail.Failed, Where: where, Err: err, Hint: t.hint}
		}
		if err := c.Pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("asking %s: %w", where, err)
		}
		pause *= 2
	}
}

// once asks, and follows the redirects that q allows.
func (c *Client) once(ctx context.Context, q question) (*answer, error) {
	for {
		a, err := c.exchange(ctx, q)
		if err != nil || a.status < 300 || a.status > 399 {
			return a, err
		}
		next, err := redirected(q, a.header.Get("Location"))
		if err != nil {
			return nil, err
		}
		q.url = next
		q.redirects--
	}
}

// exchange sends one request and reads its answer.
func (c *Client) exchange(ctx context.Context, q question) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout+time.Duration(q.size>>20)*time.Second, errTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, q.url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", q.where, err)
	}
	req.Header.Set("User-Agent", "lane")
	req.Header["Accept"] = q.accept
	if q.body != nil {
		if req.Body, err = q.body(); err != nil {
			return nil, fmt.Errorf("reading what goes to %s: %w", q.where, err)
		}
		req.ContentLength = q.size
		req.Header.Set("Content-Type", q.contentType)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, transport(ctx, q, err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header, length: resp.ContentLength}
	limit := q.limit
	if a.status >= 300 {
		limit = maxError
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, transport(ctx, q, fmt.Errorf("the answer broke off after %d bytes: %w", len(a.body), err))
	case int64(len(a.body)) > limit && a.status < 300:
		return nil, fail.Fail(q.where, "find out what answers at this address", "the answer does not end within %d bytes", limit)
	}
	return a, judgeStatus(q, a)
}

var errTimeout = errors.New("the registry did not answer in time")

// transport says what stood in the way of an answer.
func transport(ctx context.Context, q question, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errTimeout) {
			return fail.Fail(q.where, "see whether the registry is overloaded or something else listens at its address", "%w", errTimeout)
		}
		return cause
	}
	// The URL is dropped: an upload's address is a secret of its session.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	hint := "start the registry, or mend registry.address"
	if strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		hint = "set registry.insecure when it really speaks plain HTTP"
	}
	return &trouble{err: err, hint: hint}
}

// redirected is where q goes next. Only the same scheme and host will do: an
// answer from elsewhere proves nothing about this registry.
func redirected(q question, location string) (string, error) {
	const hint = "let the registry serve its blobs itself, without redirects to a storage host"
	from, err := url.Parse(q.url)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", q.where, err)
	}
	to, err := from.Parse(location)
	if err != nil || location == "" {
		return "", fail.Fail(q.where, hint, "the registry redirects to nowhere")
	}
	if to.Scheme != from.Scheme || to.Host != from.Host || to.User != nil {
		return "", fail.Fail(q.where, hint, "the registry redirects to another host, %q", clean(to.Host))
	}
	if q.redirects == 0 {
		return "", fail.Fail(q.where, hint, "the registry redirects where an answer is due")
	}
	return to.String(), nil
}
