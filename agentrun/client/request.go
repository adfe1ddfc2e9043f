package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
)

// errNetwork is in the chain of every error that is the way's fault, not the
// manager's answer.
var errNetwork = errors.New("the manager cannot be reached")

// request is one question to the manager.
type request struct {
	method string
	path   []string // the segments below the address, not escaped
	query  url.Values
	header http.Header
	body   any // sent as JSON; nil for none
	most   int // bytes of the answer; 0 is answerBytes
	again  may
}

// The bounds of answers. A page of runs has up to 50 prompts, and each character
// of a prompt may be written as six.
const (
	answerBytes = 8 << 20
	pageBytes   = 96 << 20
)

// call sends r, again where that may help, and decodes the answer into out, which
// may be nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	return c.again(ctx, r.again, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if r.most == 0 {
			r.most = answerBytes
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, int64(r.most)+1))
		switch {
		case err != nil:
			return fmt.Errorf("%w: reading the answer: %w", errNetwork, err)
		case len(body) > r.most:
			return fmt.Errorf("the answer has more than %d bytes", r.most)
		case out == nil:
			return nil
		}
		if err := json.Unmarshal(body, out); err != nil {
			return fmt.Errorf("the answer is not what this client knows: %w", err)
		}
		return nil
	})
}

// send asks once. An answer that is no success is a *Problem.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	u := c.base.JoinPath(escape(r.path)...)
	// The rest of the API belongs to no project, and refuses parameters that it has not.
	if c.Project != "" && r.path[1] == "runs" {
		if r.query == nil {
			r.query = url.Values{}
		}
		r.query.Set("project", c.Project)
	}
	u.RawQuery = r.query.Encode()
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	maps.Copy(req.Header, r.header)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the query
		}
		return nil, fmt.Errorf("%w: %w", errNetwork, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, problemOf(resp)
	}
	return resp, nil
}

// escape makes each segment one, whatever is in it.
func escape(segments []string) []string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
		if s == "." || s == ".." {
			escaped[i] = "%2E" + s[1:]
		}
	}
	return escaped
}
