package publish

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// job is one service on its way to the registry.
type job struct {
	*plan.Component
	identity string
	ref      registry.Ref

	taken  string // digest of another image that the tag means already, or ""
	digest string // what was published
	done   bool
}

// ask looks whether the registry has the image, by its tag or by what an earlier
// call noted, and proves it if so.
func (r *run) ask(ctx context.Context, j *job) error {
	tag := r.plan.SourceCommitID
	r.tell(Event{Service: j.ServiceID, Step: Asking})
	d, found, err := r.Registry.Head(ctx, j.ref, tag)
	if err != nil {
		return err
	}
	digest := d.Digest
	switch {
	case found && d.MediaType != registry.Schema2:
		// The proof knows the name of what this is.
		_, err := r.Registry.Prove(ctx, j.ref, tag, digest)
		return err
	case !found:
		if digest = r.state.noted(j.identity, j.ref); digest == "" {
			return nil
		}
	}
	same, err := r.builtFrom(ctx, j, digest, found)
	if err != nil {
		return err
	}
	if !same {
		if found {
			j.taken = digest
		}
		return nil
	}
	if err := r.finish(ctx, j, digest); err != nil {
		return err
	}
	r.tell(Event{Service: j.ServiceID, Step: Already, Detail: digest})
	return nil
}

// builtFrom reports whether the image with this digest says that it was built
// from the job's identity. One that has to be there and is not is an error.
func (r *run) builtFrom(ctx context.Context, j *job, digest string, mustExist bool) (bool, error) {
	if !mustExist {
		if missing, err := r.Registry.Exists(ctx, registry.Image{Ref: j.ref, Digest: digest}); err != nil || len(missing) > 0 {
			return false, err
		}
	}
	said, err := identityOf(ctx, r.Registry, j.ref, digest)
	return said == j.identity, err
}

// finish gives a pushed digest its tag, unless the tag means another image, and
// proves both.
func (r *run) finish(ctx context.Context, j *job, digest string) error {
	tag := r.plan.SourceCommitID
	r.tell(Event{Service: j.ServiceID, Step: Proving, Detail: digest})
	if _, err := r.Registry.ProveDigest(ctx, j.ref, digest); err != nil {
		return err
	}
	d, found, err := r.Registry.Head(ctx, j.ref, tag)
	if err != nil {
		return err
	}
	if found && d.Digest != digest {
		return conflict(j, tag, d.Digest, digest)
	}
	if !found {
		m, err := r.Registry.Manifest(ctx, j.ref, digest)
		if err != nil {
			return err
		}
		if err := r.Registry.PutTag(ctx, j.ref, tag, m.Bytes); err != nil {
			return err
		}
	}
	proof, err := r.Registry.Prove(ctx, j.ref, tag, digest)
	if err != nil {
		return err
	}
	j.digest, j.done = proof.Digest, true
	return nil
}

func conflict(j *job, tag, holds, built string) error {
	return fail.Refuse("F1", j.ref.Tagged(tag), "find out what pushed this tag; a commit's image is published once, and a tag is never moved",
		"the tag is %s, and this commit builds %s", holds, built)
}

// workshop is where jobs are built.
type workshop struct {
	*run
	blobs     *git.Blobs
	builder   func() (builder.Builder, error) // waits until it has started
	compilers chan struct{}

	mu           sync.Mutex
	environments map[string][]string // by toolchain
}

// compilers is how many `go build` run at once; each uses all cores by itself.
const compilers = 2

// publish takes one job from its sources to its tag.
func (w *workshop) publish(ctx context.Context, j *job) error {
	dir, err := w.state.folder(j.ServiceID)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := ""
	if j.Package != "" {
		binary = filepath.Join(dir, "binary")
		if err := w.compile(ctx, j, filepath.Join(dir, "source"), binary); err != nil {
			return err
		}
	}
	b, err := w.builder()
	if err != nil {
		return err
	}
	w.tell(Event{Service: j.ServiceID, Step: Building})
	request, err := w.request(ctx, j, dir, binary)
	if err != nil {
		return err
	}
	digest, err := build(ctx, b, request, j)
	if err != nil {
		return err
	}
	if j.taken != "" && j.taken != digest {
		return conflict(j, w.plan.SourceCommitID, j.taken, digest)
	}
	if err := w.state.note(j.identity, j.ref, digest); err != nil {
		return fmt.Errorf("noting what was built: %w", err)
	}
	if err := w.finish(ctx, j, digest); err != nil {
		return err
	}
	w.tell(Event{Service: j.ServiceID, Step: Done, Detail: digest})
	return nil
}

// build builds one image. What RUN does is nobody's to know before, so an image
// with RUN is built a second time from nothing: one that comes out differently is
// no function of its inputs, and is refused by rule F5.
func build(ctx context.Context, b builder.Builder, request builder.Request, j *job) (string, error) {
	digest, err := b.Build(ctx, request)
	if err != nil || !j.HasRun {
		return digest, err
	}
	request.Fresh = true
	request.Scratch += "-again"
	if err := os.Mkdir(request.Scratch, 0o700); err != nil {
		return "", fmt.Errorf("preparing the image: %w", err)
	}
	again, err := b.Build(ctx, request)
	if err != nil {
		return "", err
	}
	if again != digest {
		return "", fail.Refuse("F5", j.Dockerfile.Path, "let RUN depend on nothing but its files: no time, no random numbers, no order of a file system",
			"built twice it gave %s and %s", digest, again)
	}
	return digest, nil
}
