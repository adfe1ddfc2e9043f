package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// ErrDamaged is that an artifact's bytes are not those that were kept.
var ErrDamaged = errors.New("the bytes are not those of the artifact")

// Artifacts are the files that the attempts of a run left.
func (c *Client) Artifacts(ctx context.Context, id string) ([]run.Artifact, error) {
	var out struct {
		Artifacts []run.Artifact `json:"artifacts"`
	}
	return out.Artifacts, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "runs", id, "artifacts"}}, &out)
}

// Download writes the bytes of one of the run's artifacts to w as they come. They
// are what a says only when there is no error: else w has got some of them, or
// others. Only the asking is repeated, never the writing.
func (c *Client) Download(ctx context.Context, id string, a run.Artifact, w io.Writer) error {
	r := request{
		method: http.MethodGet, path: []string{"v1", "runs", id, "artifacts", a.Name},
		query: url.Values{"attempt": {strconv.Itoa(a.Attempt)}},
	}
	var resp *http.Response
	err := c.again(ctx, always, func(ctx context.Context) (err error) {
		resp, err = c.send(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(resp.Body, a.Bytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("after %d of %d bytes: %w", n, a.Bytes, err)
	case n != a.Bytes || hex.EncodeToString(hash.Sum(nil)) != a.SHA256:
		return ErrDamaged
	}
	return nil
}
