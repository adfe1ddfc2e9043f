package lanes

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// Options say which lane is opened.
type Options struct {
	Repository string // a clone or work tree of the source
	Commit     string // the commit to begin with
	Program    string // the lane command
	Agentrun   string // the users' command; Demo needs it
	Model      string // a program that serves a model; Demo needs it
	Toolchain  string // folder of the toolchain image's OCI layout
	Say        io.Writer

	// Change, if set, edits the clone before its first commit.
	Change  func(clone string) error
	Message string // what the first commit says of that change
}

// Open opens a lane: afterwards a release can be made. Of a lane that was opened
// before everything is kept; the commit to begin with is merged into its source.
func Open(ctx context.Context, lab *cluster.Lab, o Options) (*Lane, error) {
	l := &Lane{Lab: lab, Program: o.Program, Say: o.Say}
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"cloning the source", func(ctx context.Context) error { return l.clone(ctx, o) }},
		{"making the lab's commit", func(ctx context.Context) error { return l.adapt(ctx, o) }},
		{"making the Tekton objects", func(ctx context.Context) error { return l.Run(ctx, "objects", "tekton", "--apply") }},
		{"making the Secrets of git and of the signing key", l.pipelineSecrets},
		{"making the GitOps branch", l.init},
		{"making the Argo CD objects", func(ctx context.Context) error { return l.Run(ctx, "objects", "argo", "--apply") }},
		{"waiting for the namespace", l.awaitNamespace},
		{"making the Secrets of the services", l.RuntimeSecrets},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.doing, err)
		}
	}
	return l, nil
}

// clone makes the work tree and the repository that it is pushed to, or brings
// the work tree of earlier up to the commit.
func (l *Lane) clone(ctx context.Context, o Options) error {
	if err := l.names(ctx, o.Repository); err != nil {
		return err
	}
	l.Clone = filepath.Join(l.Lab.Dir, "lanes", l.Names.RuntimeNamespace)
	if _, err := os.Stat(filepath.Join(l.Clone, ".git")); err == nil {
		if _, err := l.Git(ctx, "fetch", "-q", o.Repository, o.Commit); err != nil {
			return err
		}
		_, err = l.Git(ctx, "merge", "-q", "-X", "ours", "-m", "the repository's "+o.Commit, "FETCH_HEAD")
		return err
	}
	if err := os.MkdirAll(l.Clone, 0o755); err != nil {
		return err
	}
	if err := l.credentials(); err != nil {
		return err
	}
	_, url, err := l.Lab.CreateRepository(ctx, l.Names.Project)
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", l.Names.SourceBranch},
		{"remote", "add", "origin", url},
		{"fetch", "-q", o.Repository, o.Commit},
		{"reset", "-q", "--hard", "FETCH_HEAD"},
	} {
		if _, err := l.Git(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// adapt makes the one commit that the lab needs on top.
func (l *Lane) adapt(ctx context.Context, o Options) error {
	path, err := layout.FromPath(o.Toolchain)
	if err != nil {
		return fmt.Errorf("reading the toolchain's image (make toolchain makes it): %w", err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	if len(manifest.Manifests) != 1 {
		return fmt.Errorf("%s holds %d images, not one", o.Toolchain, len(manifest.Manifests))
	}
	image, err := path.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return err
	}
	reference, err := l.Lab.Push(ctx, l.Names.Project+"/toolchain:lab", image)
	if err != nil {
		return err
	}
	url, err := l.Git(ctx, "remote", "get-url", "origin")
	if err != nil {
		return err
	}
	public, err := l.signingKey()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if err := adaptIntent(filepath.Join(l.Clone, "deploy", "deploy.json"), differs{
		host: host, root: filepath.Dir(l.Clone), repository: url, signer: public, profile: cluster.SeccompProfile,
	}); err != nil {
		return err
	}
	if err := moveWorktree(filepath.Join(l.Clone, "docs", "reference", "lane.md"), l.Names.SourceWorktree, host+":"+l.Clone); err != nil {
		return err
	}
	if err := pinToolchain(filepath.Join(l.Clone, "deploy", "images", "images.lock"), reference); err != nil {
		return err
	}
	if err := letRunnersReachTheModel(l.Clone); err != nil {
		return err
	}
	if o.Change != nil {
		if err := o.Change(l.Clone); err != nil {
			return err
		}
	}
	message := "what differs in the lab: where the work tree is, git's address, the signing key, the seccomp profile, the toolchain's digest, a way to the model"
	if o.Message != "" {
		message += "\n\n" + o.Message
	}
	_, err = l.Commit(ctx, message)
	return err
}

// init makes the first catalog, once.
func (l *Lane) init(ctx context.Context) error {
	there, err := l.Git(ctx, "ls-remote", "origin", "refs/heads/"+l.Names.GitopsBranch)
	if err != nil || there != "" {
		return err
	}
	return l.Run(ctx, "init")
}

func (l *Lane) awaitNamespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("Argo CD has not made the namespace %s in a minute", l.Names.RuntimeNamespace))
	defer cancel()
	for {
		if _, err := l.Lab.Kubectl(ctx, "", "get", "namespace", l.Names.RuntimeNamespace); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
