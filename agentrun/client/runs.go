package client

import (
	"context"
	"crypto/rand"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Submit asks for a run. The key makes it safe to ask again: the same key with the
// same request gives the run that there is. With "" the client makes a new key, for
// this call alone.
func (c *Client) Submit(ctx context.Context, r run.Request, key string) (run.Run, error) {
	var out run.Run
	return out, c.call(ctx, request{method: http.MethodPost, path: []string{"v1", "runs"}, header: keyHeader(key), body: r}, &out)
}

// Retry asks for a new run that is like one that has ended; key as for Submit.
func (c *Client) Retry(ctx context.Context, id, key string) (run.Run, error) {
	var out run.Run
	return out, c.call(ctx, request{method: http.MethodPost, path: []string{"v1", "runs", id, "retry"}, header: keyHeader(key)}, &out)
}

func keyHeader(key string) http.Header {
	if key == "" {
		key = rand.Text()
	}
	return http.Header{"Idempotency-Key": {key}}
}

// Get is the run as it is now.
func (c *Client) Get(ctx context.Context, id string) (run.Run, error) {
	var out run.Run
	return out, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "runs", id}}, &out)
}

// Cancel asks for the run's end. A run that has ended stays as it is.
func (c *Client) Cancel(ctx context.Context, id string) (run.Run, error) {
	var out run.Run
	return out, c.call(ctx, request{method: http.MethodPost, path: []string{"v1", "runs", id, "cancel"}}, &out)
}

// Result is what came of a run that has ended.
func (c *Client) Result(ctx context.Context, id string) (run.Result, error) {
	var out run.Result
	return out, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "runs", id, "result"}}, &out)
}

// Filter says which runs are meant; its zero value means all.
type Filter struct {
	State   run.State
	Profile string
	Labels  map[string]string // all of them
}

// pageSize is how many runs are asked for at a time.
const pageSize = 50

// Runs gives runs from the newest on, page by page as they are asked for. An error
// is the last that it gives.
func (c *Client) Runs(ctx context.Context, f Filter) iter.Seq2[run.Run, error] {
	return func(yield func(run.Run, error) bool) {
		query := url.Values{"limit": {strconv.Itoa(pageSize)}}
		if f.State != "" {
			query.Set("state", string(f.State))
		}
		if f.Profile != "" {
			query.Set("profile", f.Profile)
		}
		for k, v := range f.Labels {
			query.Add("label", k+"="+v)
		}
		for {
			var page struct {
				Runs []run.Run `json:"runs"`
				Next string    `json:"next"`
			}
			err := c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "runs"}, query: query, most: pageBytes}, &page)
			if err != nil {
				yield(run.Run{}, err)
				return
			}
			for _, r := range page.Runs {
				if !yield(r, nil) {
					return
				}
			}
			// A page of nothing is the last, or a manager could keep us for ever.
			if page.Next == "" || len(page.Runs) == 0 {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}
