package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// The times of waiting. A wait doubles from firstWait on, and is shortened by up to
// a half by chance, so that many clients do not come back at once.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 15 * time.Second
	answerTime  = 30 * time.Second // for an answer to begin, and a short one to end
)

// may is what may be sent again.
type may int

const (
	always    may = iota // what is the same when it happens twice
	unreached            // only what the manager cannot have heard of
)

// again calls try until it works, until it cannot work by being tried again, or
// until patience is over.
func (c *Client) again(ctx context.Context, what may, try func(context.Context) error) error {
	began := time.Now()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := try(ctx)
		if err == nil || ctx.Err() != nil || !passes(err, what) || time.Since(began) >= c.Patience {
			return err
		}
		if err := c.pause(ctx, err, wait); err != nil {
			return err
		}
	}
}

// pause waits, as long as err asks for or else about as long as wait.
func (c *Client) pause(ctx context.Context, err error, wait time.Duration) error {
	wait -= rand.N(wait/2 + 1)
	if p, ok := errors.AsType[*Problem](err); ok && p.retryAfter > 0 {
		wait = p.retryAfter
	}
	if c.Waiting != nil {
		c.Waiting(err, wait)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

// passes reports whether err may be gone the next time.
func passes(err error, what may) bool {
	if what == unreached {
		op, ok := errors.AsType[*net.OpError](err)
		return ok && op.Op == "dial"
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		switch p.Status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	return errors.Is(err, errNetwork)
}
