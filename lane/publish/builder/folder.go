package builder

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/registry"
)

// pushFolder uploads an image that lies in a folder as containers' dir transport
// writes it: manifest.json, and each blob under the hex of its digest.
func pushFolder(ctx context.Context, c *registry.Client, ref registry.Ref, dir string) (digest string, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return "", fmt.Errorf("reading the built manifest: %w", err)
	}
	m, err := registry.ParseManifest(data)
	if err != nil {
		return "", fmt.Errorf("reading the built manifest: %w", err)
	}
	for _, blob := range append(m.Layers, m.Config) {
		there, err := c.HasBlob(ctx, ref, blob.Digest)
		if err != nil {
			return "", err
		}
		if there {
			continue
		}
		file := filepath.Join(dir, strings.TrimPrefix(blob.Digest, "sha256:"))
		open := func() (io.ReadCloser, error) { return os.Open(file) }
		if err := c.PutBlob(ctx, ref, blob.Digest, blob.Size, open); err != nil {
			return "", err
		}
	}
	return c.PutManifest(ctx, ref, data)
}
