package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// images is a registry that has its answers in memory, by path.
type images struct {
	server  http.Server
	address string
	answers map[string]answer
	paths   []string // the paths of their manifests and configs
}

type answer struct{ mediaType, digest, body string }

func newImages() *images { return &images{answers: map[string]answer{}} }

// add gives the digest of a new image that says from which identity it was built.
func (r *images) add(repository, identity string) string {
	layer := canon.Digest([]byte("layer of " + repository))
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Labels":{%q:%q}},"rootfs":{"type":"layers","diff_ids":[%q]},"history":[{"created_by":"bench"}]}`,
		builder.IdentityLabel, identity, layer)
	of := canon.Digest([]byte(config))
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":%q},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":1,"digest":%q}]}`,
		registry.Schema2, len(config), of, layer)
	digest := canon.Digest([]byte(manifest))
	for path, a := range map[string]answer{
		"/v2/" + repository + "/manifests/" + digest: {registry.Schema2, digest, manifest},
		"/v2/" + repository + "/blobs/" + of:         {"application/octet-stream", of, config},
	} {
		r.answers[path] = a
		r.paths = append(r.paths, path)
	}
	return digest
}

// serve answers at the listener's address until close.
func (r *images) serve(l net.Listener) {
	r.server.Handler, r.address = r, l.Addr().String()
	go func() { _ = r.server.Serve(l) }()
}

func (r *images) close() { _ = r.server.Close() }

func (r *images) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a, ok := r.answers[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", a.mediaType)
	w.Header().Set("Docker-Content-Digest", a.digest)
	w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	_, _ = strings.NewReader(a.body).WriteTo(w) // who hangs up is not measured
}
