package golang

import (
	"context"
	"fmt"
	"go/version"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// mainModule is a module of the commit and what its go.mod decides for the
// programs in it.
type mainModule struct {
	owner     *owner            // the module itself
	owners    map[string]*owner // every module that packages may come from, by path
	locals    []*owner          // the modules that folders of the repository replace, required or not
	toolchain string
	godebug   []*modfile.Godebug
	files     []git.Entry // go.mod, go.sum and the go.mod of local replacements: read, but no inputs as a whole
	doubt     string      // why only the go command can decide, "" when that is not so

	experiments []string                  // the toolchain's own build tags, nil while nobody asked
	sums        map[module.Version]string // from go.sum
	folders     map[place]*folder
	packages    map[string]*pkg // by import path

	parts   []part         // of all packages; see index
	numbers map[string]int // of a part, by its input's name
	indexed bool           // whether parts and numbers are about all packages
}

// owner is a module that packages come from: the main module, one of the
// repository's folders that replaces a module, or one from the module cache.
type owner struct {
	path     string // in import paths
	version  string // as required, "" for the main module
	local    bool
	dir      string         // local: its folder in the tree
	language string         // local: language version of its go line, such as "1.26"
	source   module.Version // not local: what is downloaded, the replacement if there is one
	sum      string         // not local: its h1 in go.sum
	replace  string         // local: the replacement as go.mod spells it, "" for the main module
	err      error          // why nothing can be used from it
}

// readModule reads the go.mod and go.sum in the folder root.
func readModule(ctx context.Context, t *tree.Tree, root string, local func(context.Context) (string, error)) (*mainModule, error) {
	where := path.Join(root, "go.mod")
	data, err := t.Read(where, maxModFile)
	if err != nil {
		return nil, err
	}
	f, err := parseModFile(where, data)
	if err != nil {
		return nil, err
	}
	m := &mainModule{
		owner:    &owner{path: f.Module.Mod.Path, local: true, dir: root, language: language(f)},
		godebug:  f.Godebug,
		folders:  map[place]*folder{},
		packages: map[string]*pkg{},
	}
	if m.toolchain, err = toolchain(ctx, where, f, local); err != nil {
		return nil, err
	}
	switch {
	case f.Go == nil || version.Compare("go"+f.Go.Version, "go1.17") < 0:
		m.doubt = "its go.mod is older than Go 1.17 and does not list every module"
	case version.Compare(version.Lang(m.toolchain), newestKnown()) > 0:
		m.doubt = m.toolchain + " is newer than lane itself"
	}
	if _, ok := t.Entry(path.Join(root, "go.sum")); ok {
		where := path.Join(root, "go.sum")
		data, err := t.Read(where, maxModFile)
		if err != nil {
			return nil, err
		}
		if m.sums, err = parseSums(where, data); err != nil {
			return nil, err
		}
	}
	if err := m.require(t, where, f); err != nil {
		return nil, err
	}
	return m, m.listFiles(t)
}

const maxModFile = 16 << 20

// parseModFile reads go.mod as strictly as the go command.
func parseModFile(where string, data []byte) (*modfile.File, error) {
	f, err := modfile.Parse(where, data, nil)
	if err != nil {
		return nil, fail.Fail("", "mend go.mod, then run go mod tidy", "%s", fail.Clean(err.Error(), 500))
	}
	if f.Module == nil {
		return nil, fail.Fail(where, "add a module line", "it names no module")
	}
	if err := module.CheckImportPath(f.Module.Mod.Path); err != nil {
		return nil, fail.Fail(where, "mend the module line", "%w", err)
	}
	return f, nil
}

// parseSums reads the hashes of modules' content from go.sum; those of go.mod
// files are not needed.
func parseSums(where string, data []byte) (map[module.Version]string, error) {
	sums := map[module.Version]string{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		at := fmt.Sprintf("%s:%d", where, n)
		if len(f) != 3 {
			return nil, fail.Fail(at, "run go mod tidy", "the line is malformed")
		}
		v := module.Version{Path: f[0], Version: f[1]}
		if strings.HasSuffix(v.Version, "/go.mod") || !strings.HasPrefix(f[2], "h1:") {
			continue
		}
		if had, ok := sums[v]; ok && had != f[2] {
			return nil, fail.Fail(at, "run go mod verify, then go mod tidy", "%s has two different hashes", v)
		}
		sums[v] = f[2]
	}
	return sums, nil
}

// language is the language version of f's go line; without one it is Go's
// default.
func language(f *modfile.File) string {
	if f.Go == nil {
		return "1.16"
	}
	return strings.TrimPrefix(version.Lang("go"+f.Go.Version), "go")
}

// require fills the owners from f's require and replace directives.
func (m *mainModule) require(t *tree.Tree, where string, f *modfile.File) error {
	replaced := map[module.Version]module.Version{}
	for _, r := range f.Replace {
		if had, ok := replaced[r.Old]; ok && had != r.New {
			return fail.Fail(where, "keep one of the two", "it replaces %s twice", r.Old)
		}
		replaced[r.Old] = r.New
	}
	m.owners = map[string]*owner{m.owner.path: m.owner}
	for _, r := range f.Require {
		if _, ok := m.owners[r.Mod.Path]; ok {
			return fail.Fail(where, "run go mod tidy", "it requires %s twice, or its own module", r.Mod.Path)
		}
		o := &owner{path: r.Mod.Path, version: r.Mod.Version, source: r.Mod}
		m.owners[o.path] = o
		by, ok := replaced[r.Mod]
		if !ok {
			by, ok = replaced[module.Version{Path: r.Mod.Path}]
		}
		delete(replaced, r.Mod)
		delete(replaced, module.Version{Path: r.Mod.Path})
		switch {
		case ok && by.Version == "":
			m.replaceByFolder(t, where, o, by.Path)
			continue
		case ok:
			o.source = by
		}
		if o.sum = m.sums[o.source]; o.sum == "" {
			o.err = fail.Fail(path.Join(m.owner.dir, "go.sum"), "run go mod tidy", "it has no hash of %s", o.source)
		}
	}
	for old, by := range replaced { // only an older go.mod can need those
		if by.Version == "" {
			m.replaceByFolder(t, where, &owner{path: old.Path, version: old.Version}, by.Path)
		}
	}
	return nil
}

func (m *mainModule) replaceByFolder(t *tree.Tree, where string, o *owner, folder string) {
	m.locals = append(m.locals, o)
	o.local, o.replace, o.source = true, folder, module.Version{}
	o.dir = path.Join(m.owner.dir, folder)
	if path.IsAbs(folder) || o.dir == ".." || strings.HasPrefix(o.dir, "../") {
		o.err = fail.Fail(where, "replace it by a folder of this repository, or by a version", "%s is replaced by %s, which is outside the repository", o.path, folder)
		return
	}
	gomod := path.Join(o.dir, "go.mod")
	data, err := t.Read(gomod, maxModFile)
	if err != nil {
		o.err = fmt.Errorf("%s: %s is replaced by %s: %w", where, o.path, folder, err)
		return
	}
	f, err := modfile.ParseLax(gomod, data, nil)
	if err != nil {
		o.err = fail.Fail("", "mend go.mod", "%s", fail.Clean(err.Error(), 500))
		return
	}
	o.language = language(f)
}

// listFiles finds the files that the go command reads to choose modules.
func (m *mainModule) listFiles(t *tree.Tree) error {
	paths := []string{path.Join(m.owner.dir, "go.mod"), path.Join(m.owner.dir, "go.sum")}
	for _, o := range m.locals {
		if o.err == nil {
			paths = append(paths, path.Join(o.dir, "go.mod"))
		}
	}
	slices.Sort(paths)
	for _, p := range slices.Compact(paths) {
		e, ok := t.Entry(p)
		if !ok {
			continue // a go.sum that is not needed
		}
		e, err := t.Follow(e)
		if err != nil {
			return err
		}
		m.files = append(m.files, compiled(e))
	}
	return nil
}

// candidates are the modules that may hold the package at importPath, the
// longest path first, with the package's folder in each.
func (m *mainModule) candidates(importPath string) []place {
	var found []place
	for prefix := importPath; prefix != "." && prefix != "/"; prefix = path.Dir(prefix) {
		if o, ok := m.owners[prefix]; ok {
			found = append(found, place{owner: o, sub: strings.TrimPrefix(strings.TrimPrefix(importPath, prefix), "/")})
		}
	}
	return found
}

// place is a folder of a module.
type place struct {
	owner *owner
	sub   string // below the module's own folder, "" for that itself
}

// dir is the folder in the tree, for local modules; for others it is how people
// know it.
func (p place) dir() string {
	if p.owner.local {
		return path.Join(p.owner.dir, p.sub)
	}
	return path.Join(p.owner.path+"@"+p.owner.version, p.sub)
}
