package registry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
)

const (
	repository = "demo/api"
	tag        = "0123456789abcdef0123456789abcdef01234567"
)

var (
	layer  = []byte("not really a layer, but bytes that hash to something")
	config = fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Labels":{"a":"b"}},"rootfs":{"type":"layers","diff_ids":[%q]},"history":[{"created_by":"test"}]}`,
		canon.Digest(layer))
	manifest = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":%q},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":%d,"digest":%q}]}`,
		registry.Schema2, len(config), canon.Digest(config), len(layer), canon.Digest(layer))
	digest = canon.Digest(manifest)
	other  = canon.Digest([]byte("other"))

	schema2  = []string{registry.Schema2}
	anything = []string{registry.Schema2, registry.SchemaList, registry.OCIManifest, registry.OCIIndex}
)

// step is one request that must come next, and how it is answered.
type step struct {
	name   string // what table tests call it
	method string
	path   string // below /v2/<repository>/
	accept []string
	reply  http.HandlerFunc
}

// faulty is a registry that answers a script and fails the test on anything else.
func faulty(t *testing.T, script ...step) registry.Ref {
	t.Helper()
	var mu sync.Mutex
	next := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if next == len(script) {
			mu.Unlock()
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		s := script[next]
		next++
		mu.Unlock()
		path, ok := strings.CutPrefix(r.URL.Path, "/v2/"+repository+"/")
		if r.Method != s.method || !ok || path != s.path {
			t.Errorf("step %q: got %s %s, want %s %s", s.name, r.Method, r.URL.Path, s.method, s.path)
		}
		if !slices.Equal(r.Header["Accept"], s.accept) {
			t.Errorf("step %q: Accept is %q, want %q", s.name, r.Header["Accept"], s.accept)
		}
		for _, h := range []string{"Authorization", "Cookie", "Accept-Encoding"} {
			if r.Header.Get(h) != "" {
				t.Errorf("step %q: sends %s", s.name, h)
			}
		}
		s.reply(w, r)
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		if next != len(script) {
			t.Errorf("%d of %d requests came; %q did not", next, len(script), script[next].name)
		}
	})
	return registry.Ref{Registry: strings.TrimPrefix(srv.URL, "http://"), Repository: repository}
}

// client waits for nothing and gives up soon.
func client(t *testing.T) *registry.Client {
	t.Helper()
	c := registry.New(false)
	c.Timeout = 2 * time.Second
	c.Tries = 3
	c.Pause = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }
	t.Cleanup(c.Close)
	return c
}

// ok answers with the body as a registry would.
func ok(mediaType string, body []byte) http.HandlerFunc {
	return says(mediaType, canon.Digest(body), body)
}

// says answers with a digest of its own choice.
func says(mediaType, digest string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if digest != "" {
			w.Header().Set("Docker-Content-Digest", digest)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(body)
		}
	}
}

// status answers an error as a registry would, with header pairs.
func status(code int, name string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"said the registry","detail":null}]}`, name)
	}
}

// cut announces more than it sends.
func cut(mediaType, digest string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
		_, _ = w.Write(body)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// endless never stops sending.
func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", registry.Schema2)
	w.Header().Set("Docker-Content-Digest", digest)
	chunk := make([]byte, 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// hang says nothing until the asker has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
