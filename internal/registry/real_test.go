package registry_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// real is a repository in Docker's own registry, which keeps its blobs in dir.
func real(t *testing.T, dir string) registry.Ref {
	t.Helper()
	if testing.Short() {
		t.Skip("needs docker-registry")
	}
	r, err := scratch.StartRegistry(t.Context(), dir, scratch.RegistryOptions{})
	if err != nil {
		if os.Getenv("CI") != "true" && strings.HasPrefix(fail.HintOf(err), "apt-get") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return registry.Ref{Registry: r.Addr, Repository: repository}
}

// raw asks as other programs do, and returns type and digest of the answer.
func raw(t *testing.T, method string, ref registry.Ref, reference, mediaType string, body []byte) (status int, gotType, gotDigest string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+ref.Registry+"/v2/"+ref.Repository+"/manifests/"+reference, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPut {
		req.Header.Set("Content-Type", mediaType)
	} else if mediaType != "" {
		req.Header.Set("Accept", mediaType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Docker-Content-Digest")
}

func pushBlobs(t *testing.T, c *registry.Client, ref registry.Ref) {
	t.Helper()
	for _, b := range [][]byte{config, layer} {
		if found, err := c.HasBlob(t.Context(), ref, canon.Digest(b)); err != nil || found {
			t.Fatalf("before the push: found %t, %v", found, err)
		}
		if err := c.PutBlob(t.Context(), ref, canon.Digest(b), int64(len(b)), reader(b)); err != nil {
			t.Fatal(err)
		}
		if found, err := c.HasBlob(t.Context(), ref, canon.Digest(b)); err != nil || !found {
			t.Fatalf("after the push: found %t, %v", found, err)
		}
	}
}

func TestPushesAndReadsBack(t *testing.T) {
	ref, c := real(t, t.TempDir()), registry.New(false)
	defer c.Close()
	if _, found, err := c.Head(t.Context(), ref, tag); err != nil || found {
		t.Fatalf("an empty registry: %t, %v", found, err)
	}
	pushBlobs(t, c, ref)
	if got, err := c.PutManifest(t.Context(), ref, manifest); err != nil || got != digest {
		t.Fatalf("pushed %s, %v", got, err)
	}
	if _, found, err := c.Head(t.Context(), ref, tag); err != nil || found {
		t.Errorf("a push by digest made a tag: %v", err)
	}
	if p, err := c.ProveDigest(t.Context(), ref, digest); err != nil || p.Digest != digest {
		t.Errorf("by digest: %+v, %v", p, err)
	}
	if err := c.PutTag(t.Context(), ref, tag, manifest); err != nil {
		t.Fatal(err)
	}
	if p, err := c.Prove(t.Context(), ref, tag, digest); err != nil || p.MediaType != registry.Schema2 {
		t.Errorf("proof %+v, %v", p, err)
	}
	m, err := c.Manifest(t.Context(), ref, digest)
	if err != nil || !bytes.Equal(m.Bytes, manifest) {
		t.Fatalf("read back %+v, %v", m, err)
	}
	if cfg, err := c.Config(t.Context(), ref, m); err != nil || cfg.Architecture != "amd64" || cfg.Labels["a"] != "b" {
		t.Errorf("config %+v, %v", cfg, err)
	}
	if _, err := c.Prove(t.Context(), ref, tag, other); fail.RuleOf(err) != "F3" || !strings.Contains(err.Error(), digest) || !strings.Contains(err.Error(), other) {
		t.Errorf("a wrong digest gives %v", err)
	}
}

// What Debian's registry really does, and why a proof asks as it does.
func TestF3_TheRegistrysTraps(t *testing.T) {
	ref, c := real(t, t.TempDir()), registry.New(false)
	defer c.Close()
	pushBlobs(t, c, ref)
	if err := c.PutTag(t.Context(), ref, tag, manifest); err != nil {
		t.Fatal(err)
	}
	oci := bytes.Replace(manifest, []byte(registry.Schema2), []byte(registry.OCIManifest), 1)
	list := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"size":%d,"digest":%q,"platform":{"architecture":"amd64","os":"linux"}}]}`,
		registry.SchemaList, registry.Schema2, len(manifest), digest)
	index := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"size":%d,"digest":%q,"platform":{"architecture":"amd64","os":"linux"}}]}`,
		registry.OCIIndex, registry.OCIManifest, len(oci), canon.Digest(oci))
	for _, push := range []struct {
		tag, mediaType string
		body           []byte
	}{{"oci", registry.OCIManifest, oci}, {"list", registry.SchemaList, list}, {"index", registry.OCIIndex, index}} {
		if status, _, _ := raw(t, http.MethodPut, ref, push.tag, push.mediaType, push.body); status != http.StatusCreated {
			t.Fatalf("pushing %s: %d", push.tag, status)
		}
	}

	t.Run("a plain question gets a digest that leads nowhere", func(t *testing.T) {
		_, mediaType, wrong := raw(t, http.MethodHead, ref, tag, "", nil)
		if !strings.Contains(mediaType, "v1+prettyjws") || wrong == digest {
			t.Errorf("got %s %s", mediaType, wrong)
		}
		if status, _, _ := raw(t, http.MethodHead, ref, wrong, "", nil); status != http.StatusNotFound {
			t.Errorf("that digest is answered with %d", status)
		}
		if _, err := c.Prove(t.Context(), ref, tag, wrong); fail.RuleOf(err) != "F3" {
			t.Errorf("it is proved: %v", err)
		}
	})
	for _, tt := range []struct{ tag, want, why string }{
		{"oci", canon.Digest(oci), "an OCI manifest"},
		{"index", canon.Digest(index), "an OCI index"},
		{"list", canon.Digest(list), "a manifest list"},
		{"list", digest, "a manifest list"}, // the registry answers the child, which is all right by itself
		{"nothing", digest, "does not know this tag"},
	} {
		t.Run(tt.tag+" as "+tt.want[:15], func(t *testing.T) {
			if _, err := c.Prove(t.Context(), ref, tt.tag, tt.want); fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
	if _, err := c.ProveDigest(t.Context(), ref, canon.Digest(oci)); fail.RuleOf(err) != "F3" {
		t.Errorf("an OCI manifest by digest: %v", err)
	}

	missing, err := c.Exists(t.Context(), registry.Image{Ref: ref, Digest: digest})
	if err != nil || missing != nil {
		t.Errorf("missing %v, %v", missing, err)
	}
}

func TestExistsNamesWhatIsGone(t *testing.T) {
	ref, c := real(t, t.TempDir()), registry.New(false)
	defer c.Close()
	pushBlobs(t, c, ref)
	if _, err := c.PutManifest(t.Context(), ref, manifest); err != nil {
		t.Fatal(err)
	}
	there := registry.Image{Ref: ref, Digest: digest}
	gone := registry.Image{Ref: ref, Digest: other}
	elsewhere := registry.Image{Ref: registry.Ref{Registry: ref.Registry, Repository: "demo/none"}, Digest: digest}
	images := slices.Concat(slices.Repeat([]registry.Image{there}, 40), []registry.Image{gone, there, elsewhere})
	missing, err := c.Exists(t.Context(), images...)
	if err != nil || !slices.Equal(missing, []registry.Image{gone, elsewhere}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	if _, err := c.Exists(t.Context(), registry.Image{Ref: ref, Digest: "latest"}); fail.RuleOf(err) != "F2" {
		t.Errorf("a tag gives %v", err)
	}
}

func TestRegistryWithAFullOrReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	ref := real(t, dir)
	// A file where the registry wants a folder fails for root too.
	if err := os.WriteFile(dir+"/blobs", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := client(t)
	c.Timeout = time.Minute // it is a real one
	err := c.PutBlob(t.Context(), ref, canon.Digest(layer), int64(len(layer)), reader(layer))
	if fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "500") || fail.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}
