// Package builder turns a prepared folder and a Dockerfile into a schema2 image
// in a registry, known by its digest alone (rules E5, F3, F5, F6).
//
// There are two builders, BuildKit and Buildah. Each is given a Request and
// returns the digest that it pushed; no tag is made, and the digest is the
// builder's word, to be proved by the caller. Neither needs a Docker daemon
// (rule E5). Programs are run with arguments that are never read by a shell, in
// an environment without the caller's registry credentials and without what
// could change an image.
//
// The same Request gives the same digest, on any machine and with any cache
// (rule F5): the builder's version is exact, all times are Epoch, the platform is
// fixed, RUN has no network, and nothing is fetched but the Request's bases,
// which are pinned. A Dockerfile that wants anything else - an image that is not
// pinned, a remote ADD, a `# syntax` line - is refused by rule F5.
package builder

import (
	"context"
	"maps"
	"slices"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

const (
	// Epoch is the time of every file and of the image itself, in seconds. It
	// does not depend on the commit, or equal inputs would not give equal images.
	Epoch = "0"
	// Platform is what images are built for.
	Platform = "linux/amd64"
	// IdentityLabel is the label in an image's config that says which component
	// identity it was built from.
	IdentityLabel = "dev.agentrun.lane.identity"

	// settings is part of every builder's version and so of every identity. It is
	// raised with each change of this package that can change an image's bytes.
	settings = "settings 1"
)

// Builder builds images. Build may be called by several goroutines at once.
type Builder interface {
	// Name is the builder and its exact version, such as "buildkit v0.34.2
	// settings 1".
	Name() string
	// Build builds and pushes one image and returns its digest.
	Build(ctx context.Context, r Request) (digest string, err error)
	// Close ends what was started for the builder. Its cache stays.
	Close()
}

// Request is one image to build.
type Request struct {
	Context    string            // folder that COPY reads
	Dockerfile string            // file, inside Context or not
	Image      registry.Ref      // where it is pushed to
	Bases      map[string]string // name in FROM → reference@sha256:…
	Identity   string            // value of IdentityLabel
	Fresh      bool              // nothing is taken from the builder's cache
	Insecure   bool              // the registry speaks plain HTTP
	Scratch    string            // an empty folder for the builder's own use, removed by the caller
}

// plainHTTP reports whether the registry of r is spoken to without TLS.
func (r Request) plainHTTP() bool { return r.Insecure || registry.Loopback(r.Image.Registry) }

// baseNames are the keys of r.Bases in a fixed order.
func (r Request) baseNames() []string { return slices.Sorted(maps.Keys(r.Bases)) }

// broken is the error for a build that did not work, with the last words of the
// builder.
func broken(r Request, hint string, err error, words *child.Tail) error {
	return fail.Fail(r.Image.String(), hint, "building the image: %w%s", err, words.Text())
}
