package golang

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
)

// Program is what one main package is compiled from.
type Program struct {
	Package    string // import path
	ModuleRoot string // folder of the main module, "." at the top
	Toolchain  string // such as go1.26.8

	module *mainModule
	own    []canon.Input // sorted
	all    []part        // what parts has the numbers of: the module's as they were then
	parts  set
	digest memo.Key
}

// Module is a module other than the main one.
type Module struct {
	Path, Version string
	Sum           string // h1; "" when Replace is set
	Replace       *Module
}

// program gathers root and everything that it imports.
func (m *mainModule) program(root *pkg) (*Program, error) {
	m.index()
	parts, ok := m.closure(root)
	if !ok {
		return nil, cmp.Or(explain(root), fmt.Errorf("loading %s: some of its packages are not known", root.path))
	}
	if root.folder.name != "main" {
		return nil, fail.Fail(root.place.dir(), "name the folder of a main package", "it holds the package %s, not a program", root.folder.name)
	}
	own := []canon.Input{
		{Name: "package", Value: root.path},
		{Name: "toolchain", Value: m.toolchain},
		{Name: "go.mod module", Value: m.owner.path},
		{Name: "go.mod go", Value: m.owner.language},
	}
	for _, g := range m.godebug {
		own = append(own, canon.Input{Name: "go.mod godebug " + g.Key, Value: g.Value})
	}
	canon.SortInputs(own)
	return &Program{
		Package: root.path, ModuleRoot: m.owner.dir, Toolchain: m.toolchain,
		module: m, own: own, all: m.parts, parts: parts, digest: root.digest,
	}, nil
}

// Inputs decide the binary, sorted: the toolchain, go.mod's directives, every
// file but go.mod and go.sum, every module. The settings of the build are not
// among them.
func (p *Program) Inputs() iter.Seq[canon.Input] {
	return canon.MergeInputs(p.own, func(yield func(canon.Input) bool) {
		for i := range p.parts.all() {
			if !yield(p.all[i].input) {
				return
			}
		}
	})
}

// Digest is a quick stand-in for Inputs: programs with equal digests have equal
// inputs. It costs no walk through them.
func (p *Program) Digest() memo.Key {
	return sha256.Sum256(append([]byte(canon.Identity(p.own)), p.digest[:]...))
}

// Files are all that the go command reads, sorted by path. go.mod and go.sum are
// here and are no inputs as a whole.
func (p *Program) Files() []git.Entry {
	files := slices.Clone(p.module.files)
	for i := range p.parts.all() {
		if e := p.all[i].file; e.Path != "" {
			files = append(files, e)
		}
	}
	slices.SortFunc(files, func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(files, func(a, b git.Entry) bool { return a.Path == b.Path })
}

// Modules are what the binary records as its dependencies, sorted by path.
func (p *Program) Modules() []Module {
	var modules []Module
	for i := range p.parts.all() {
		if o := p.all[i].owner; o != nil {
			modules = append(modules, o.module())
		}
	}
	slices.SortFunc(modules, func(a, b Module) int { return cmp.Compare(a.Path, b.Path) })
	return modules
}

// module is o as a binary records it.
func (o *owner) module() Module {
	mod := Module{Path: o.path, Version: o.version}
	switch {
	case o.local:
		mod.Replace = &Module{Path: o.replace}
	case o.source.Path != o.path || o.source.Version != o.version:
		mod.Replace = &Module{Path: o.source.Path, Version: o.source.Version, Sum: o.sum}
	default:
		mod.Sum = o.sum
	}
	return mod
}

// content says where the module's files come from.
func (m Module) content() string {
	if m.Replace == nil {
		return m.Sum
	}
	if m.Replace.Version == "" {
		return "=> " + m.Replace.Path
	}
	return "=> " + m.Replace.Path + "@" + m.Replace.Version + " " + m.Replace.Sum
}
