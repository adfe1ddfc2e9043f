package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/registry"
)

func TestListsAndDeletes(t *testing.T) {
	ref := real(t, t.TempDir())
	c := client(t)
	c.Timeout = time.Minute // it is a real one
	pushBlobs(t, c, ref)
	if tags, err := c.Tags(t.Context(), registry.Ref{Registry: ref.Registry, Repository: "no/such"}); err != nil || len(tags) > 0 {
		t.Fatalf("%v %v", tags, err)
	}
	_, err := c.PutManifest(t.Context(), ref, manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"one", "two"} {
		if err := c.PutTag(t.Context(), ref, tag, manifest); err != nil {
			t.Fatal(err)
		}
	}
	prefix, _, _ := strings.Cut(ref.Repository, "/")
	repositories, err := c.Repositories(t.Context(), ref.Registry, prefix+"/")
	if err != nil || !slices.Contains(repositories, ref.Repository) {
		t.Errorf("%v %v", repositories, err)
	}
	tags, err := c.Tags(t.Context(), ref)
	slices.Sort(tags)
	if diff := cmp.Diff([]string{"one", "two"}, tags); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, want := range []bool{false, true} {
		if gone, err := c.DeleteManifest(t.Context(), ref, digest); err != nil || gone != want {
			t.Errorf("gone %v, %v", gone, err)
		}
	}
	if tags, err = c.Tags(t.Context(), ref); err != nil || len(tags) > 0 {
		t.Errorf("after the delete: %v %v", tags, err)
	}
}

func TestRegistryThatDoesNotDelete(t *testing.T) {
	ref := faulty(t, step{name: "delete", method: http.MethodDelete, path: "manifests/" + digest, reply: status(http.StatusMethodNotAllowed, "UNSUPPORTED")})
	_, err := client(t).DeleteManifest(t.Context(), ref, digest)
	if err == nil || !strings.Contains(err.Error(), "does not let manifests be deleted") {
		t.Error(err)
	}
}

// unending names another page for ever.
type unending int

func (n *unending) RoundTrip(req *http.Request) (*http.Response, error) {
	*n++
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: -1,
		Header: http.Header{"Link": {fmt.Sprintf(`<%s?last=%d>; rel="next"`, req.URL.Path, *n)}},
		Body:   io.NopCloser(strings.NewReader(`{"repositories":[]}`)),
	}, nil
}

func TestListThatDoesNotEnd(t *testing.T) {
	c := client(t)
	c.HTTP.Transport = new(unending)
	_, err := c.Repositories(t.Context(), "127.0.0.1:1", "shop/")
	if err == nil || !strings.Contains(err.Error(), "more than 10000 pages") {
		t.Error(err)
	}
}
