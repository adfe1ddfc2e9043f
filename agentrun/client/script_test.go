package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// script is a way to a manager that has the bad days of a test, in order: faults
// that a real one shows when it likes. A request too many, or too few, fails the
// test.
type script struct {
	t     *testing.T
	days  []day
	asked []*http.Request
	sent  []string // bodies
}

type day func(*http.Request) (*http.Response, error)

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(s.asked) == len(s.days) {
		s.t.Errorf("a request too many: %s %s", r.Method, r.URL)
		return nil, errors.New("unexpected")
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.asked, s.sent = append(s.asked, r), append(s.sent, string(body))
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		s.t.Errorf("Authorization is %q", got)
	}
	return s.days[len(s.asked)-1](r)
}

var token = "art_" + fake.Password()

// through is a client whose requests meet days.
func through(t *testing.T, days ...day) (*client.Client, *script) {
	t.Helper()
	c, err := client.New("https://agentrun.example/base/", token)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, days: days}
	c.HTTP = &http.Client{Transport: s}
	c.Patience = time.Minute
	t.Cleanup(func() {
		if len(s.asked) != len(days) {
			t.Errorf("%d requests, want %d", len(s.asked), len(days))
		}
	})
	return c, s
}

func answer(status int, body string, header ...string) day {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func problem(status int, code string, header ...string) day {
	return answer(status, fmt.Sprintf(`{"title":"No","status":%d,"code":%q,"detail":"it is so"}`, status, code),
		append([]string{"Content-Type", "application/problem+json"}, header...)...)
}

func broken(err error) day {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// events is a stream that says text and then ends, or with hang says nothing more.
func events(text string, hang bool) day {
	return func(r *http.Request) (*http.Response, error) {
		body := io.Reader(strings.NewReader(text))
		if hang {
			body = io.MultiReader(body, silent{r.Context()})
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(body), Request: r,
		}, nil
	}
}

// silent reads nothing until its context ends.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
