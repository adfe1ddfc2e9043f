package registry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// HasBlob reports whether the repository has the blob.
func (c *Client) HasBlob(ctx context.Context, ref Ref, digest string) (bool, error) {
	if err := ref.check(); err != nil {
		return false, err
	}
	a, err := c.ask(ctx, question{method: http.MethodHead, url: c.blobURL(ref, digest), where: ref.where(digest), redirects: 3})
	return err == nil && a.status == http.StatusOK, err
}

// PutBlob uploads the bytes that open gives, size in number, which the registry
// must find to hash to digest. open may be called again after trouble.
func (c *Client) PutBlob(ctx context.Context, ref Ref, digest string, size int64, open func() (io.ReadCloser, error)) error {
	if err := ref.check(); err != nil {
		return err
	}
	where := ref.where(digest)
	// Both steps are one attempt: a registry appends what comes later to what an
	// upload already has.
	a, err := c.retry(ctx, where, func() (*answer, error) {
		start := question{
			method: http.MethodPost, url: c.scheme(ref) + "://" + ref.Registry + "/v2/" + ref.Repository + "/blobs/uploads/",
			where: where, limit: maxError,
		}
		a, err := c.exchange(ctx, start)
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusAccepted {
			return nil, unexpected(where, "to begin an upload", a)
		}
		to, err := uploadURL(start, a.header.Get("Location"), digest)
		if err != nil {
			return nil, err
		}
		return c.exchange(ctx, question{
			method: http.MethodPut, url: to, where: where, limit: maxError,
			contentType: "application/octet-stream", body: open, size: size,
		})
	})
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return unexpected(where, "to take a blob", a)
	}
	return nil
}

// uploadURL is where an upload that start began goes: where the registry says,
// which must be the registry.
func uploadURL(start question, location, digest string) (string, error) {
	start.redirects = 1
	to, err := redirected(start, location)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(to)
	if err != nil {
		return "", fail.Fail(start.where, "look into the registry's log", "the registry gives the upload no address")
	}
	query := u.Query()
	query.Set("digest", digest)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// PutManifest stores a schema2 manifest by its own digest.
func (c *Client) PutManifest(ctx context.Context, ref Ref, manifest []byte) (digest string, err error) {
	digest = canon.Digest(manifest)
	return digest, c.putManifest(ctx, ref, digest, manifest)
}

// PutTag makes tag mean manifest. A tag that meant something else then means
// this: whoever calls it has looked first.
func (c *Client) PutTag(ctx context.Context, ref Ref, tag string, manifest []byte) error {
	return c.putManifest(ctx, ref, tag, manifest)
}

func (c *Client) putManifest(ctx context.Context, ref Ref, reference string, manifest []byte) error {
	if _, err := ParseManifest(manifest); err != nil {
		return fail.Refuse("F3", ref.where(reference), "build a schema2 image", "%w", err)
	}
	q, err := c.manifestQuestion(http.MethodPut, ref, reference, nil)
	if err != nil {
		return err
	}
	q.contentType, q.size = Schema2, int64(len(manifest))
	q.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(manifest)), nil }
	a, err := c.ask(ctx, q)
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return unexpected(q.where, "to take a manifest", a)
	}
	if said, err := contentDigest(q.where, a); err != nil {
		return err
	} else if said != canon.Digest(manifest) {
		return lying(q.where, said)
	}
	return nil
}

func unexpected(where, what string, a *answer) error {
	return fail.Fail(where, "see what listens at this address, and that it lets this repository be written", "the registry answers %s when asked %s", statusText(a), what)
}
