package plan

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan/dockerfile"
	"github.com/pikasTech/agentrun/lane/plan/golang"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// Loader finds out what the images of a commit are made of.
type Loader struct {
	Repo     *git.Repo
	Builder  string        // name and version, such as "buildkit v0.34.2"
	OwnImage []canon.Input // what lane's own Dockerfile is made of, for services without one
	OwnRoots canon.Input   // lane's list of certificate authorities, for Dockerfiles that copy it
	Memo     string        // file that keeps what was learnt about content; "" keeps nothing

	// LocalGo is the local Go release, such as "go1.26.8". It is called only for
	// a module whose go.mod has no toolchain line; nil asks `go env`.
	LocalGo func(context.Context) (string, error)
}

// Snapshot is one commit as a build sees it. It is for one goroutine and must be
// closed.
type Snapshot struct {
	Commit string

	loader   *Loader
	blobs    *git.Blobs
	tree     *tree.Tree
	golang   *golang.Loader
	lock     dockerfile.Lock // nil until a Dockerfile asks
	settings []canon.Input   // of go build
}

// Snapshot opens commit, a full id.
func (l *Loader) Snapshot(ctx context.Context, commit string) (*Snapshot, error) {
	blobs, err := l.Repo.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	s, err := l.snapshot(commit, blobs, new(golang.Tool), memo.Open(l.Memo))
	if err != nil {
		return nil, errors.Join(err, blobs.Close())
	}
	return s, nil
}

func (l *Loader) snapshot(commit string, blobs *git.Blobs, tool *golang.Tool, kept *memo.Memo) (*Snapshot, error) {
	t, err := tree.Open(commit, blobs)
	if err != nil {
		return nil, err
	}
	return &Snapshot{
		Commit: commit, loader: l, blobs: blobs, tree: t,
		golang:   &golang.Loader{Tree: t, Tool: tool, Memo: kept, LocalVersion: l.LocalGo},
		settings: goInputs(golang.Flags(), golang.Fixed()),
	}, nil
}

// at is the snapshot of another commit. It shares what s has open and is not
// closed by itself.
func (s *Snapshot) at(commit string) (*Snapshot, error) {
	return s.loader.snapshot(commit, s.blobs, s.golang.Tool, s.golang.Memo)
}

// Close keeps what was learnt and ends the reader.
func (s *Snapshot) Close() error {
	s.golang.Memo.Save()
	return s.blobs.Close()
}

// Components are what the images of services are made of, in their order. The
// error names everything that is wrong with any of them.
func (s *Snapshot) Components(ctx context.Context, services []intent.Service) ([]*Component, error) {
	described, err := s.describeAll(ctx, services)
	if err != nil {
		return nil, err
	}
	all := make([]*Component, len(described))
	for i, d := range described {
		all[i] = d.component()
	}
	return all, nil
}

func (s *Snapshot) describeAll(ctx context.Context, services []intent.Service) ([]*description, error) {
	var dirs []string
	for _, svc := range services {
		if svc.Build.Go != "" {
			dirs = append(dirs, path.Clean(svc.Build.Go))
		}
	}
	if err := s.golang.Load(ctx, dirs); err != nil {
		return nil, err
	}
	all := make([]*description, len(services))
	var wrong []error
	for i, svc := range services {
		d, err := s.describe(ctx, svc)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s: %w", svc.ID, err))
		}
		all[i] = d
	}
	return all, errors.Join(wrong...)
}
