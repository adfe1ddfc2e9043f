package golang

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// listed is what `go list -json` says of a package.
type listed struct {
	Dir, ImportPath, Name                                           string
	Standard, DepOnly                                               bool
	Module                                                          *listedModule
	GoFiles, SFiles, HFiles, SysoFiles, FFiles, EmbedFiles, Imports []string
	Error                                                           *struct{ Pos, Err string }
}

type listedModule struct {
	Path, Version, GoVersion string
	Main                     bool
	Replace                  *listedModule
}

const listFields = "-json=Dir,ImportPath,Name,Standard,DepOnly,Module,GoFiles,SFiles,HFiles,SysoFiles,FFiles,EmbedFiles,Imports,Error"

// ask fills the module's packages from the go command, run in a folder of the
// commit's files: slower, and right by definition.
func (l *Loader) ask(ctx context.Context, m *mainModule, roots []*pkg) error {
	top, err := os.MkdirTemp("", "lane-list-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(top)
	if top, err = filepath.EvalSymlinks(top); err != nil {
		return err
	}
	if err := l.checkout(m, top); err != nil {
		return err
	}
	args := []string{"list", "-e", "-deps", "-mod=readonly", "-tags=" + tags, listFields, "--"}
	for _, p := range roots {
		args = append(args, "./"+p.place.sub)
	}
	out, err := l.Tool.run(ctx, m.toolchain, filepath.Join(top, filepath.FromSlash(m.owner.dir)), args...)
	if err != nil {
		return fail.Fail("", "run go mod tidy and commit go.mod and go.sum", "%w", err)
	}
	all, err := decodeList(out)
	if err != nil {
		return err
	}
	l.adopt(m, top, roots, all)
	return nil
}

// checkout writes the whole of the commit's local modules below top. Tests stand
// there by name alone, since they may be embedded and may not even be Go.
func (l *Loader) checkout(m *mainModule, top string) error {
	var files, tests []git.Entry
	for _, o := range append([]*owner{m.owner}, m.locals...) {
		if o.err != nil {
			continue
		}
		for _, e := range l.Tree.Below(o.dir) {
			if e.Mode == git.ModeSymlink && !isSource(path.Base(e.Path)) {
				continue // nothing can embed it
			}
			e, err := l.Tree.Follow(e)
			switch {
			case err != nil: // what a build cannot follow it cannot need
			case strings.HasSuffix(e.Path, "_test.go"):
				tests = append(tests, e)
			default:
				files = append(files, e)
			}
		}
	}
	slices.SortFunc(files, func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) })
	files = slices.CompactFunc(files, func(a, b git.Entry) bool { return a.Path == b.Path })
	if err := l.Tree.Materialize(top, files); err != nil {
		return err
	}
	for _, e := range tests {
		name := filepath.Join(top, filepath.FromSlash(e.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte("//go:build ignore\n\npackage test\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func decodeList(out []byte) ([]listed, error) {
	var all []listed
	dec := jsontext.NewDecoder(bytes.NewReader(out))
	for {
		var one listed
		err := json.UnmarshalDecode(dec, &one)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading what go list says: %w", err)
		}
		all = append(all, one)
	}
}

// adopt turns what go list says into packages.
func (l *Loader) adopt(m *mainModule, top string, roots []*pkg, all []listed) {
	m.indexed = false
	for _, one := range all { // what is imported comes before what imports it
		if p := m.packages[one.ImportPath]; one.Standard || p != nil && p.loaded {
			continue
		}
		p := &pkg{path: one.ImportPath, loaded: true, folder: &folder{
			exists: true, name: one.Name, goFiles: one.GoFiles, asmFiles: one.SFiles, objects: one.SysoFiles,
		}}
		m.packages[p.path] = p
		if p.err = l.adoptOne(m, top, p, one); p.err != nil {
			continue
		}
		for _, importPath := range one.Imports {
			if q := m.packages[importPath]; q != nil {
				p.imports = append(p.imports, q)
			}
		}
	}
	for _, root := range roots {
		if p := m.packages[root.path]; p == nil || !p.loaded {
			root.loaded, root.err = true, fail.Fail(root.place.dir(), "run go list in the folder to see why", "go list says nothing about it")
			m.packages[root.path] = root
		}
	}
}

func (l *Loader) adoptOne(m *mainModule, top string, p *pkg, one listed) error {
	switch {
	case one.Error != nil:
		at := one.ImportPath
		if filepath.IsLocal(one.Error.Pos) { // relative to the module
			at = path.Join(m.owner.dir, filepath.ToSlash(one.Error.Pos))
		}
		return fail.Fail(at, "mend the package so that go build accepts it, then run go mod tidy", "%s", fail.Clean(one.Error.Err, 500))
	case one.Module == nil:
		return fail.Fail(one.ImportPath, "run go mod tidy", "it is in no module")
	case len(one.FFiles) > 0:
		return fail.Fail(one.ImportPath, "remove them", "Fortran files need cgo, which is off")
	}
	p.place.owner = m.ownerOf(one.Module)
	if !p.place.owner.local {
		return p.place.owner.err
	}
	rel, err := filepath.Rel(filepath.Join(top, filepath.FromSlash(p.place.owner.dir)), one.Dir)
	if err != nil {
		return err
	}
	if p.place.sub = filepath.ToSlash(rel); rel == "." {
		p.place.sub = ""
	}
	sources := map[string][]byte{}
	for _, name := range slices.Concat(one.SFiles, one.HFiles) {
		if sources[name], err = os.ReadFile(filepath.Join(one.Dir, name)); err != nil {
			return err
		}
	}
	p.folder.followIncludes(one.HFiles, sources)
	if err := p.collect(l.Tree); err != nil {
		return err
	}
	for _, name := range one.EmbedFiles {
		if err := p.add(l.Tree, path.Join(p.place.dir(), name)); err != nil {
			return err
		}
	}
	return nil
}

// ownerOf is the owner that the go command means, also when go.mod does not list
// it.
func (m *mainModule) ownerOf(lm *listedModule) *owner {
	if o, ok := m.owners[lm.Path]; ok && (o == m.owner || o.version == lm.Version) {
		return o
	}
	for _, o := range m.locals {
		if o.path == lm.Path && lm.Replace != nil && lm.Replace.Path == o.replace {
			o.version = lm.Version
			m.owners[o.path] = o
			return o
		}
	}
	o := &owner{path: lm.Path, version: lm.Version, source: module.Version{Path: lm.Path, Version: lm.Version}}
	if lm.Replace != nil {
		o.source = module.Version{Path: lm.Replace.Path, Version: lm.Replace.Version}
	}
	if o.sum = m.sums[o.source]; o.sum == "" {
		o.err = fail.Fail(path.Join(m.owner.dir, "go.sum"), "run go mod tidy", "it has no hash of %s", o.source)
	}
	m.owners[lm.Path] = o
	return o
}
