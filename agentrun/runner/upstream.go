package runner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
)

// upstream speaks to the manager.
type upstream struct {
	url       string // without a slash at the end
	tokenFile string // read for each request: the kubelet renews what is in it
	http      *http.Client
	pause     time.Duration // before the first repetition; it grows from there
	learn     func(string)  // is told each token that differs from the one before; may be nil

	mu   sync.Mutex
	last string // token
}

// The time and the size of one exchange.
const (
	requestTime = 30 * time.Second // an artifact has run.ArtifactTime besides
	answerBytes = 1 << 20
	maxPause    = 5 * time.Second
)

// What the manager refuses.
var (
	errSuperseded = errors.New("the attempt has been given to another, or has ended")
	errRefused    = errors.New("the manager refuses it")
)

// gapError says that events before these have to come first.
type gapError struct{ next int64 }

func (e *gapError) Error() string { return fmt.Sprintf("the manager waits for event %d", e.next) }

func (u *upstream) claim(ctx context.Context) (run.Assignment, error) {
	var a run.Assignment
	err := u.insist(ctx, "POST", "claim", "", nil, &a)
	return a, err
}

func (u *upstream) report(ctx context.Context, r run.Report) (run.Receipt, error) {
	var receipt run.Receipt
	body, err := json.Marshal(r)
	if err != nil {
		return receipt, err
	}
	err = u.insist(ctx, "POST", "events", "application/json", body, &receipt)
	return receipt, err
}

// heartbeat is not repeated: the next one comes anyway.
func (u *upstream) heartbeat(ctx context.Context) (run.Receipt, error) {
	var receipt run.Receipt
	err := u.once(ctx, "POST", "heartbeat", "", nil, &receipt)
	return receipt, err
}

func (u *upstream) artifact(ctx context.Context, name, mediaType string, content []byte) error {
	return u.insist(ctx, http.MethodPut, "artifacts/"+name, mediaType, content, nil)
}

func (u *upstream) finish(ctx context.Context, e run.Ending) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return u.insist(ctx, "POST", "finish", "application/json", body, nil)
}

// insist repeats a request until it is answered for good, or ctx ends. Each request
// may be repeated: the manager knows what it has done already.
func (u *upstream) insist(ctx context.Context, method, path, mediaType string, body []byte, into any) error {
	for pause := u.pause; ; pause = min(2*pause, maxPause) {
		err := u.once(ctx, method, path, mediaType, body, into)
		gap := new(gapError)
		if err == nil || errors.Is(err, errSuperseded) || errors.Is(err, errRefused) || errors.As(err, &gap) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

func (u *upstream) once(ctx context.Context, method, path, mediaType string, body []byte, into any) error {
	limit := requestTime
	if method == http.MethodPut {
		limit += run.ArtifactTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	token, err := u.token()
	if err != nil {
		return fmt.Errorf("reading the token: %s", reasonOf(err))
	}
	req, err := http.NewRequestWithContext(ctx, method, u.url+"/runner/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerBytes))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return refusal(resp, data)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: the answer is not as it should be", path)
	}
	return nil
}

// token reads the token as it is now.
func (u *upstream) token() (string, error) {
	data, err := readBounded(u.tokenFile, homeFileBytes)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.learn != nil && token != u.last {
		u.learn(token)
	}
	u.last = token
	return token, nil
}

// refusal tells the answers that end it from those that may change: a token that has
// expired is renewed, a manager that restarts comes back.
func refusal(resp *http.Response, data []byte) error {
	var problem struct {
		Code      string `json:"code"`
		Detail    string `json:"detail"`
		NextEvent int64  `json:"nextEvent"`
	}
	_ = json.Unmarshal(data, &problem) // a proxy's page has no code
	err := fmt.Errorf("%s %s: %s", resp.Request.URL.Path, resp.Status, fail.Clean(cmp.Or(problem.Detail, problem.Code), 300))
	switch {
	case problem.Code == "attempt_superseded":
		return errSuperseded
	case problem.Code == "event_gap":
		return &gapError{problem.NextEvent}
	case resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests,
		resp.StatusCode == http.StatusUnauthorized, resp.StatusCode >= 500, problem.Code == "":
		return err
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}
