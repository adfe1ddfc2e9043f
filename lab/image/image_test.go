package image_test

import (
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/agentrun/lab/image"
)

// TestSameFilesSameDigest changes only what must not count.
func TestSameFilesSameDigest(t *testing.T) {
	digest := func(modified time.Time, content string) string {
		t.Helper()
		i, err := image.FromFS(fstest.MapFS{
			"bin/a": {Data: []byte(content), Mode: 0o755, ModTime: modified},
			"etc":   {Mode: 0o755 | 1<<31, ModTime: modified},
		}, v1.Config{Cmd: []string{"/bin/a"}})
		if err != nil {
			t.Fatal(err)
		}
		if kind, err := i.MediaType(); err != nil || kind != types.DockerManifestSchema2 {
			t.Errorf("media type %s, %v", kind, err)
		}
		d, err := i.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	old, now := time.Unix(1, 0), time.Unix(1<<30, 0)
	if a, b := digest(old, "x"), digest(now, "x"); a != b {
		t.Errorf("the time of files changes the digest: %s, %s", a, b)
	}
	if digest(old, "x") == digest(old, "y") {
		t.Error("the content of files does not change the digest")
	}
}
