package golang

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// Loader loads the programs of one commit. It keeps what it has loaded, so many
// services that share packages cost little more than one. It is for one
// goroutine.
type Loader struct {
	Tree *tree.Tree
	Tool *Tool
	Memo *memo.Memo
	// LocalVersion is the local toolchain, for modules whose go.mod names none.
	LocalVersion func(context.Context) (string, error)

	modules map[string]*mainModule // by folder
}

// Load loads the packages that the main packages in dirs are made of; each dir
// is a clean path in the tree. It is only needed for speed: what it reads for
// all of them, Program would read for one. What is wrong with a package is said
// by Program.
func (l *Loader) Load(ctx context.Context, dirs []string) error {
	byModule := map[*mainModule][]*pkg{}
	seen := map[string]bool{}
	for _, dir := range dirs {
		if seen[dir] {
			continue // two services of one program
		}
		seen[dir] = true
		if m, root, err := l.root(ctx, dir); err == nil {
			byModule[m] = append(byModule[m], root)
		}
	}
	for m, roots := range byModule {
		if err := l.load(ctx, m, roots); err != nil {
			return err
		}
	}
	return nil
}

// Program says what the main package in the folder dir is compiled from.
func (l *Loader) Program(ctx context.Context, dir string) (*Program, error) {
	m, root, err := l.root(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := l.load(ctx, m, []*pkg{root}); err != nil {
		return nil, err
	}
	return m.program(m.packages[root.path])
}

// root finds the main module of the folder dir, and its package there.
func (l *Loader) root(ctx context.Context, dir string) (*mainModule, *pkg, error) {
	if !l.Tree.IsDir(dir) {
		hint := "name the folder of the main package, such as ./cmd/api"
		if l.Tree.IsFile(dir) {
			hint = "name the folder " + path.Dir(dir) + ", not a file in it"
		}
		return nil, nil, fail.Fail(dir, hint, "there is no such folder in commit %.12s", l.Tree.Commit)
	}
	folder := dir
	for !l.Tree.IsFile(path.Join(folder, "go.mod")) {
		if folder == "." {
			return nil, nil, fail.Fail(dir, "commit a go.mod", "it is in no module: there is no go.mod in the folder or above it")
		}
		folder = path.Dir(folder)
	}
	m, err := l.module(ctx, folder)
	if err != nil {
		return nil, nil, err
	}
	sub := strings.TrimPrefix(strings.TrimPrefix(dir, folder), "/")
	if folder == "." {
		sub = strings.TrimPrefix(dir, ".")
	}
	importPath := path.Join(m.owner.path, sub)
	root, ok := m.packages[importPath]
	if !ok {
		root = &pkg{path: importPath, place: place{owner: m.owner, sub: sub}}
		m.packages[importPath] = root
	}
	return m, root, nil
}

func (l *Loader) module(ctx context.Context, folder string) (*mainModule, error) {
	if m, ok := l.modules[folder]; ok {
		return m, nil
	}
	local := l.LocalVersion
	if local == nil {
		local = l.Tool.Version
	}
	m, err := readModule(ctx, l.Tree, folder, local)
	if err != nil {
		return nil, err
	}
	if l.modules == nil {
		l.modules = map[string]*mainModule{}
	}
	l.modules[folder] = m
	return m, nil
}

// doubt says that only the go command can decide something.
type doubt struct{ error }

// load loads packages and what they import, wave by wave, so that each wave's
// content is read in one go.
func (l *Loader) load(ctx context.Context, m *mainModule, roots []*pkg) error {
	roots = slices.DeleteFunc(roots, func(p *pkg) bool { return p.loaded })
	wave := roots
	for len(wave) > 0 && m.doubt == "" {
		next, err := l.next(ctx, m, wave)
		if d, ok := errors.AsType[doubt](err); ok {
			// What was found so far may be wrong too.
			m.doubt, m.packages = d.Error(), map[string]*pkg{}
		} else if err != nil {
			return err
		}
		wave = next
	}
	if len(roots) == 0 || m.doubt == "" {
		return nil
	}
	if err := l.ask(ctx, m, roots); err != nil {
		return fmt.Errorf("asking go list about %s, because %s: %w", path.Join(m.owner.dir, "go.mod"), m.doubt, err)
	}
	return nil
}

// next scans the packages of one wave and gives those that they import and that
// were not known yet.
func (l *Loader) next(ctx context.Context, m *mainModule, wave []*pkg) ([]*pkg, error) {
	var places []place
	for _, p := range wave {
		places = append(places, p.place)
	}
	if err := l.scan(ctx, m, places); err != nil {
		return nil, err
	}
	m.indexed = false
	for _, p := range wave {
		p.loaded, p.folder = true, m.folders[p.place]
		p.err = p.collect(l.Tree)
	}
	return l.resolve(ctx, m, wave)
}
