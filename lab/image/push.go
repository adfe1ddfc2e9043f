package image

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push puts an image into a plain HTTP registry that transport reaches, and
// returns the reference of exactly what was pushed, such as
// 127.0.0.1:5000/tools/go@sha256:….
func Push(ctx context.Context, transport http.RoundTripper, reference string, image v1.Image) (string, error) {
	tag, err := name.NewTag(reference, name.Insecure, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("pushing an image: %w", err)
	}
	if err := remote.Write(tag, image, remote.WithContext(ctx), remote.WithTransport(transport)); err != nil {
		return "", fmt.Errorf("pushing image %s: %w", reference, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return "", err
	}
	return tag.Context().Digest(digest.String()).String(), nil
}
