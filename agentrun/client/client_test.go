package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
)

var errReset = &net.OpError{Op: "read", Err: errors.New("connection reset")}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct{ address, token, why string }{
		{"agentrun.example:8080", token, "not an http"},
		{"ftp://agentrun.example", token, "not an http"},
		{"http://%zz", token, "not a URL"},
		{"https://me:" + "pass@agentrun.example", token, "has a user"},
		{"https://agentrun.example/?project=x", token, "has a user, a query"},
		{"https://agentrun.example", "", "token is empty"},
		{"https://agentrun.example", token + "\n", "not one word"},
	} {
		_, err := client.New(tt.address, tt.token)
		if err == nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), token) {
			t.Errorf("New(%q): %v, want %q", tt.address, err, tt.why)
		}
	}
}

func TestSubmitIsRepeatedWithOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := through(t,
			broken(errReset),
			problem(503, "not_ready", "Retry-After", "3"),
			func(*http.Request) (*http.Response, error) {
				cut := io.MultiReader(strings.NewReader(`{"id":"r`), iotest.ErrReader(io.ErrUnexpectedEOF))
				return &http.Response{StatusCode: 201, Body: io.NopCloser(cut)}, nil
			},
			answer(200, `{"id":"r1","state":"queued","labels":{"a":"b"},"somethingNew":1}`))
		var waits []time.Duration
		c.Waiting = func(why error, wait time.Duration) {
			waits = append(waits, wait)
			if strings.Contains(why.Error(), token) {
				t.Errorf("the token is in %q", why)
			}
		}
		c.Project = "shop"
		r, err := c.Submit(t.Context(), run.Request{Prompt: "Say <hi> & go."}, "")
		if err != nil || r.ID != "r1" || r.State != run.Queued || r.Labels["a"] != "b" {
			t.Errorf("got %+v, %v", r, err)
		}
		if len(waits) != 3 || waits[0] > 250*time.Millisecond || waits[1] != 3*time.Second || waits[2] < 500*time.Millisecond || waits[2] > time.Second {
			t.Errorf("waited %v", waits)
		}
		key := s.asked[0].Header.Get("Idempotency-Key")
		for i, r := range s.asked {
			if r.Method != http.MethodPost || r.URL.String() != "https://agentrun.example/base/v1/runs?project=shop" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			if got := r.Header.Get("Idempotency-Key"); len(got) < 20 || got != key {
				t.Errorf("key %q, then %q", key, got)
			}
			if !strings.HasPrefix(s.sent[i], `{"prompt":"Say <hi> & go."`) || s.sent[i] != s.sent[0] {
				t.Errorf("sent %s", s.sent[i])
			}
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		days := make([]day, 9)
		for i := range days {
			days[i] = problem(503, "draining", "Retry-After", "8")
		}
		c, _ := through(t, days...)
		_, err := c.Get(t.Context(), "r1")
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 503 || p.Code != "draining" {
			t.Errorf("got %v", err)
		}
	})
}

// A manager that had no time for a while has waited for the rest of a request in vain.
func TestRequestsThatTookTooLongAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := through(t, problem(408, "too_slow"), answer(201, `{"id":"r1"}`))
		if r, err := c.Submit(t.Context(), run.Request{Prompt: "Go."}, ""); err != nil || r.ID != "r1" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestWhatIsNotRepeated(t *testing.T) {
	c, _ := through(t, answer(422, `{"status":422,"title":"Unprocessable","detail":"it does not fit","code":"invalid",
		"errors":[{"message":"is blank","location":"body.prompt","value":"\u001b[2J"},{"message":"is\u001bodd"}]}`, "Content-Type", "application/problem+json"))
	_, err := c.Submit(t.Context(), run.Request{}, "key")
	if want := "it does not fit: body.prompt: is blank; is?odd (invalid)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}

	// The manager may have made the token: another would be one too many.
	c, _ = through(t, broken(errReset))
	if _, err := c.CreateToken(t.Context(), client.TokenRequest{Name: "ci"}); err == nil {
		t.Error("no error")
	}
	c, _ = through(t, problem(503, "draining"))
	if _, err := c.CreateToken(t.Context(), client.TokenRequest{Name: "ci"}); err == nil {
		t.Error("no error")
	}
	// It cannot have heard of this one.
	c, s := through(t, broken(&net.OpError{Op: "dial", Err: errors.New("refused")}), answer(201, `{"token":{"id":"t1"},"value":"x"}`))
	if got, err := c.CreateToken(t.Context(), client.TokenRequest{Name: "ci", Scopes: []string{"runs:read"}}); err != nil || got.Token.ID != "t1" || got.Value != "x" {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := `{"name":"ci","scopes":["runs:read"]}`; s.sent[1] != want {
		t.Errorf("sent %s, want %s", s.sent[1], want)
	}

	c, _ = through(t, broken(&net.DNSError{IsNotFound: true}))
	if _, err := c.Get(t.Context(), "r1"); err == nil {
		t.Error("no error")
	}
	c, _ = through(t, answer(502, "<html>\x1b", "Content-Type", "text/html"))
	c.Patience = 0
	if _, err := c.Get(t.Context(), "r1"); err == nil || err.Error() != "Bad Gateway (status 502)" {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	c, _ := through(t, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(endless{})}, nil
	})
	if _, err := c.Get(t.Context(), "r1"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
	c, _ = through(t, func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 400, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: io.NopCloser(endless{})}, nil
	})
	if _, err := c.Get(t.Context(), "r1"); err == nil || !strings.Contains(err.Error(), "status 400") {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestTokenStays: a redirection is an error, and what it points to hears nothing.
func TestTokenStays(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) }))
	t.Cleanup(elsewhere.Close)
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(here.Close)
	c, err := client.New(here.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Submit(t.Context(), run.Request{Prompt: "x"}, ""); err == nil || !strings.Contains(err.Error(), "status 307") {
		t.Errorf("got %v", err)
	}
}

// TestSegmentsStaySegments: no name leads to another path.
func TestSegmentsStaySegments(t *testing.T) {
	for id, path := range map[string]string{
		"..": "/base/v1/runs/%2E./cancel", "a/../b?x#y": "/base/v1/runs/a%2F..%2Fb%3Fx%23y/cancel", "ü": "/base/v1/runs/%C3%BC/cancel",
	} {
		c, s := through(t, answer(202, `{}`))
		if _, err := c.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
		if got := s.asked[0].URL.EscapedPath(); got != path || s.asked[0].URL.RawQuery != "" {
			t.Errorf("%q leads to %s, want %s", id, got, path)
		}
	}
}

func TestRunsPageByPage(t *testing.T) {
	c, s := through(t,
		answer(200, `{"runs":[{"id":"3"},{"id":"2"}],"next":"a b"}`),
		answer(200, `{"runs":[{"id":"1"}],"next":"c"}`),
		answer(200, `{"runs":[],"next":"c"}`))
	var got []string
	for r, err := range c.Runs(t.Context(), client.Filter{State: run.Failed, Profile: "fast", Labels: map[string]string{"a/b": "c=d"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	if diff := cmp.Diff([]string{"3", "2", "1"}, got); diff != "" {
		t.Error(diff)
	}
	if got := s.asked[1].URL.RawQuery; got != "cursor=a+b&label=a%2Fb%3Dc%3Dd&limit=50&profile=fast&state=failed" {
		t.Errorf("asked for %s", got)
	}
	c, _ = through(t, answer(200, `{"runs":[{"id":"3"},{"id":"2"}],"next":"a"}`))
	for range c.Runs(t.Context(), client.Filter{}) {
		break
	}
}

func TestDownload(t *testing.T) {
	content := []byte("--- a\n+++ b\n")
	sum := sha256.Sum256(content)
	a := run.Artifact{Name: "diff.patch", Attempt: 2, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	tests := []struct {
		name string
		body string
		want error
	}{
		{"whole", string(content), nil},
		{"other bytes", "--- a\n+++ c\n", client.ErrDamaged},
		{"too few", "--- a\n", client.ErrDamaged},
		{"too many", string(content) + "x", client.ErrDamaged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, s := through(t, broken(errReset), answer(200, tt.body))
			var b bytes.Buffer
			if err := c.Download(t.Context(), "r1", a, &b); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == nil && !bytes.Equal(b.Bytes(), content) {
				t.Errorf("got %q", b.Bytes())
			}
			if int64(b.Len()) > a.Bytes+1 {
				t.Errorf("%d bytes were written", b.Len())
			}
			if got := s.asked[1].URL.String(); got != "https://agentrun.example/base/v1/runs/r1/artifacts/diff.patch?attempt=2" {
				t.Errorf("asked for %s", got)
			}
		})
	}
}
