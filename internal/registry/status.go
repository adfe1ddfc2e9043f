package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
)

// judgeStatus lets 2xx, 3xx and 404 through, which mean something to the asker.
func judgeStatus(q question, a *answer) error {
	said := "the registry answers " + statusText(a)
	wait := retryAfter(a.header.Get("Retry-After"), time.Now())
	if wait > maxPause {
		said += fmt.Sprintf(" and wants %s of rest", wait)
	}
	switch {
	case a.status >= 200 && a.status < 400, a.status == http.StatusNotFound:
		return nil
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fail.Fail(q.where, "let this machine into the registry without a login: lane keeps no registry credentials", "%s", said)
	case a.status == http.StatusTooManyRequests:
		return &trouble{err: errors.New(said), hint: "wait, then run it again: what is done is not done twice", wait: wait}
	case a.status >= 500:
		return &trouble{err: errors.New(said), hint: "look into the registry's log, then run it again", wait: wait}
	}
	return fail.Fail(q.where, "see what listens at this address: a Docker registry does not answer this", "%s", said)
}

// statusText is the status and the first error that the body names.
func statusText(a *answer) string {
	s := strconv.Itoa(a.status)
	if t := http.StatusText(a.status); t != "" {
		s += " " + t
	}
	if code, message := firstError(a.body); code != "" {
		s += " (" + clean(code+": "+message) + ")"
	}
	return s
}

// firstError reads the body of a refusal; both are empty when it is not one.
func firstError(data []byte) (code, message string) {
	var body struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(data, &body) != nil || len(body.Errors) == 0 {
		return "", ""
	}
	return body.Errors[0].Code, body.Errors[0].Message
}

// retryAfter reads the header in both of its forms; 0 when there is none.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(header), 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(header); err == nil {
		return max(0, t.Sub(now)).Round(time.Second)
	}
	return 0
}

func clean(s string) string { return fail.Clean(s, 200) }
