package plan

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan/dockerfile"
	"github.com/pikasTech/agentrun/lane/plan/golang"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// LockPath is the hand-written lock of the images that Dockerfiles build on; see
// dockerfile.ParseLock for its form.
const LockPath = "deploy/images/images.lock"

// Loader finds out what the images of a commit are made of.
type Loader struct {
	Repo     *git.Repo
	Builder  string        // name and version, such as "buildkit v0.34.2"
	OwnImage []canon.Input // what lane's own Dockerfile is made of, for services without one
	Cache    string        // folder to keep what was learnt about content in; "" keeps nothing

	// LocalGo is the local Go release, such as "go1.26.8". It is called only for
	// a module whose go.mod has no toolchain line; nil asks `go env`.
	LocalGo func(context.Context) (string, error)
}

// Snapshot is one commit as a build sees it. It is for one goroutine and must be
// closed.
type Snapshot struct {
	Commit string

	loader *Loader
	tree   *tree.Tree
	blobs  *git.Blobs
	shared bool // blobs and memo belong to another snapshot
	golang *golang.Loader
	lock   dockerfile.Lock // nil until a Dockerfile asks
	flags  []string
	fixed  []string
}

// Snapshot opens commit, a full id.
func (l *Loader) Snapshot(ctx context.Context, commit string) (*Snapshot, error) {
	blobs, err := l.Repo.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{loader: l, blobs: blobs, golang: &golang.Loader{Tool: new(golang.Tool), Memo: golang.OpenMemo(l.Cache), LocalVersion: l.LocalGo}}
	at, err := s.at(ctx, commit)
	if err != nil {
		return nil, errors.Join(err, blobs.Close())
	}
	at.shared = false
	return at, nil
}

// at is the snapshot of another commit, with the same reader and memo.
func (s *Snapshot) at(ctx context.Context, commit string) (*Snapshot, error) {
	t, err := tree.Open(ctx, s.loader.Repo, commit, s.blobs)
	if err != nil {
		return nil, err
	}
	return &Snapshot{
		Commit: commit, loader: s.loader, tree: t, blobs: s.blobs, shared: true,
		golang: &golang.Loader{Tree: t, Tool: s.golang.Tool, Memo: s.golang.Memo, LocalVersion: s.golang.LocalVersion},
		flags:  golang.Flags(), fixed: golang.Fixed(),
	}, nil
}

// Close keeps what was learnt and ends the reader.
func (s *Snapshot) Close() error {
	if s.shared {
		return nil
	}
	s.golang.Memo.Save()
	return s.blobs.Close()
}

// Components are what the images of services are made of, in their order. The
// error names everything that is wrong with any of them.
func (s *Snapshot) Components(ctx context.Context, services []intent.Service) ([]*Component, error) {
	var dirs []string
	for _, svc := range services {
		if svc.Build.Go != "" {
			dirs = append(dirs, path.Clean(svc.Build.Go))
		}
	}
	if err := s.golang.Load(ctx, dirs); err != nil {
		return nil, err
	}
	all := make([]*Component, len(services))
	var wrong []error
	for i, svc := range services {
		c, err := s.component(ctx, svc)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s: %w", svc.ID, err))
		}
		all[i] = c
	}
	return all, errors.Join(wrong...)
}

func (s *Snapshot) component(ctx context.Context, svc intent.Service) (*Component, error) {
	c := &Component{ServiceID: svc.ID, Inputs: []canon.Input{
		{Name: "service", Value: svc.ID}, // in the image's entrypoint
		{Name: "platform", Value: Platform},
		{Name: "builder", Value: s.loader.Builder},
	}}
	if svc.Build.Go != "" {
		if err := s.addProgram(ctx, c, path.Clean(svc.Build.Go)); err != nil {
			return nil, err
		}
	}
	if svc.Build.Dockerfile == "" {
		c.Inputs = append(c.Inputs, s.loader.OwnImage...)
	} else if err := s.addDockerfile(c, svc); err != nil {
		return nil, err
	}
	canon.SortInputs(c.Inputs)
	return c, c.check()
}

// addProgram adds what the compiler reads.
func (s *Snapshot) addProgram(ctx context.Context, c *Component, dir string) error {
	if path.IsAbs(dir) || dir == ".." || strings.HasPrefix(dir, "../") {
		return fail.Fail(dir, "name a folder of the repository, such as ./cmd/api", "the main package is outside the repository")
	}
	p, err := s.golang.Program(ctx, dir)
	if err != nil {
		return err
	}
	c.Package, c.ModuleRoot, c.Toolchain = p.Package, p.ModuleRoot, p.Toolchain
	for _, e := range p.Files {
		c.Files = append(c.Files, File{Path: e.Path, Mode: e.Mode, OID: e.OID})
	}
	for _, m := range p.Modules {
		c.Modules = append(c.Modules, moduleOf(m))
	}
	c.Inputs = append(append(c.Inputs, p.Inputs...), goInputs(s.flags, s.fixed)...)
	return nil
}

func moduleOf(m golang.Module) Module {
	out := Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	if m.Replace != nil {
		by := moduleOf(*m.Replace)
		out.Replace = &by
	}
	return out
}
