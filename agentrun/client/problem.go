package client

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Problem is what the manager answers when it does not do what it was asked, an
// RFC 9457 problem.
type Problem struct {
	Status int            `json:"status"`
	Code   string         `json:"code"` // one word, such as run_not_ended; "" when something before the manager answered
	Title  string         `json:"title"`
	Detail string         `json:"detail"`
	Errors []ProblemField `json:"errors"` // what is wrong in the request

	retryAfter time.Duration
}

// ProblemField is one place of a request that is wrong.
type ProblemField struct {
	Message  string `json:"message"`
	Location string `json:"location"` // such as body.prompt
}

// Error is one line, whatever the manager wrote.
func (p *Problem) Error() string {
	var b strings.Builder
	switch {
	case p.Detail != "":
		b.WriteString(p.Detail)
	case p.Title != "":
		b.WriteString(p.Title)
	default:
		b.WriteString(http.StatusText(p.Status))
	}
	for i, f := range p.Errors {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if f.Location != "" {
			b.WriteString(f.Location + ": ")
		}
		b.WriteString(f.Message)
	}
	if p.Code != "" {
		return fail.Clean(b.String(), 2000) + " (" + fail.Clean(p.Code, 60) + ")"
	}
	return fmt.Sprintf("%s (status %d)", fail.Clean(b.String(), 2000), p.Status)
}

// maxProblem bounds a problem; the rest of a longer one is not read.
const maxProblem = 64 << 10

// problemOf reads an answer that is not a success. One that is no problem
// document, as from a proxy, is told by its status alone.
func problemOf(resp *http.Response) *Problem {
	p := &Problem{}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/problem+json" {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
		if err != nil || json.Unmarshal(body, p) != nil {
			p = &Problem{}
		}
	}
	p.Status = resp.StatusCode
	p.retryAfter = retryAfter(resp.Header.Get("Retry-After"))
	return p
}

// retryAfter reads the header's seconds, up to longestWait; a date is not read, as
// clocks differ.
func retryAfter(value string) time.Duration {
	seconds, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}
