package golang

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/internal/fail"
)

// resolve finds the packages that those of a wave import. It returns the ones
// that are new.
func (l *Loader) resolve(ctx context.Context, m *mainModule, wave []*pkg) ([]*pkg, error) {
	if err := l.scan(ctx, m, m.candidatesInCache(wave)); err != nil {
		return nil, err
	}
	var found []*pkg
	for _, p := range wave {
		if p.err != nil {
			continue
		}
		for _, importPath := range p.folder.imports {
			q, isNew, err := l.find(m, importPath)
			if _, ok := errors.AsType[doubt](err); ok {
				return nil, err
			}
			if isNew {
				found = append(found, q)
			}
			if err == nil && p.place.owner.local {
				err = internalError(p.path, importPath)
			}
			if err != nil {
				p.err = fmt.Errorf("%s imports %s: %w", l.position(p, importPath), importPath, err)
				break
			}
			if q != nil {
				p.imports = append(p.imports, q)
			}
		}
	}
	return found, nil
}

// candidatesInCache are the places in the module cache where an import of the
// wave that is not known yet could be.
func (m *mainModule) candidatesInCache(wave []*pkg) []place {
	var places []place
	seen := map[string]bool{}
	for _, p := range wave {
		for _, importPath := range p.folder.imports {
			if seen[importPath] || p.err != nil || m.packages[importPath] != nil {
				continue
			}
			seen[importPath] = true
			for _, c := range m.candidates(importPath) {
				if !c.owner.local && c.owner.err == nil {
					places = append(places, c)
				}
			}
		}
	}
	return places
}

// find is the package of an import path, nil for one of the standard library.
func (l *Loader) find(m *mainModule, importPath string) (p *pkg, isNew bool, err error) {
	if p, ok := m.packages[importPath]; ok {
		return p, false, nil
	}
	var hits []place
	candidates := m.candidates(importPath)
	for _, c := range candidates {
		switch {
		case c.owner.err != nil:
			return nil, false, c.owner.err
		case c.owner.local && l.holdsPackage(c), !c.owner.local && m.folders[c].exists:
			hits = append(hits, c)
		}
	}
	switch {
	case len(hits) > 1:
		return nil, false, fail.Fail("", "remove one of the two", "it is in two modules, %s and %s", hits[0].owner.path, hits[1].owner.path)
	case len(hits) == 1:
		p = &pkg{path: importPath, place: hits[0]}
		m.packages[importPath] = p
		return p, true, nil
	case isStandard(importPath) && len(candidates) == 0:
		return nil, false, nil
	case !isStandard(importPath) && len(candidates) > 0 && !slices.ContainsFunc(candidates, func(c place) bool { return !c.owner.local }):
		dir := candidates[0].dir()
		if l.Tree.IsDir(dir) {
			return nil, false, fail.Fail(dir, "commit its Go files, or remove the import", "the folder holds no Go package of the module")
		}
		return nil, false, fail.Fail(dir, "commit the package, or remove the import", "there is no such folder in commit %.12s", l.Tree.Commit)
	}
	if err := module.CheckImportPath(importPath); err != nil {
		return nil, false, fail.Fail("", "mend the import path", "%w", err)
	}
	return nil, false, doubt{fmt.Errorf("no module that it lists holds %s", importPath)}
}

// isStandard reports whether only the standard library can hold importPath when
// no module does.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return first != "" && !strings.Contains(first, ".")
}

// holdsPackage reports whether a local folder has Go files and no other module
// begins on the way to it.
func (l *Loader) holdsPackage(c place) bool {
	for dir := c.dir(); dir != c.owner.dir; dir = path.Dir(dir) {
		if l.Tree.IsFile(path.Join(dir, "go.mod")) {
			return false
		}
	}
	for child := range l.Tree.Children(c.dir()) {
		if !child.IsDir && path.Ext(child.Name) == ".go" {
			return true
		}
	}
	return false
}

// position is where p imports importPath, "file:line", as far as it can be told.
func (l *Loader) position(p *pkg, importPath string) string {
	for _, name := range p.folder.goFiles {
		if !p.place.owner.local {
			break
		}
		at := path.Join(p.place.dir(), name)
		data, err := l.Tree.Read(at, 1<<20)
		if err != nil {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, at, data, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, spec := range f.Imports {
			if v, _ := strconv.Unquote(spec.Path.Value); v == importPath {
				return fmt.Sprintf("%s:%d", at, fset.Position(spec.Pos()).Line)
			}
		}
	}
	return p.place.dir()
}
