package registry

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Image is one pinned image.
type Image struct {
	Ref    Ref
	Digest string
}

func (i Image) String() string { return i.Ref.At(i.Digest) }

// Exists asks for all images, Parallel at once, and returns those that the
// registry does not answer by digest, in the order given. A wrong answer is a
// refusal; only a plain 404 counts as missing.
func (c *Client) Exists(ctx context.Context, images ...Image) (missing []Image, err error) {
	gone := make([]bool, len(images))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(Parallel)
	for i, img := range images {
		g.Go(func() error {
			if !canon.IsDigest(img.Digest) {
				return fail.Refuse("F2", img.Ref.String(), "pin the image by its sha256 digest", "%q is not a digest", clean(img.Digest))
			}
			found, err := c.answersDigest(ctx, img.Ref, img.Digest)
			gone[i] = !found
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, img := range images {
		if gone[i] {
			missing = append(missing, img)
		}
	}
	return missing, nil
}
