package golang

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// Program is what one main package is compiled from.
type Program struct {
	Package    string // import path
	ModuleRoot string // folder of the main module, "." at the top
	Toolchain  string // such as go1.26.8

	// Inputs decide the binary: the toolchain, go.mod's directives, every file
	// but go.mod and go.sum, every module. The build settings are not among them.
	Inputs []canon.Input
	// Files are all that the go command reads, sorted by path. go.mod and go.sum
	// are here and are no inputs as a whole.
	Files []git.Entry
	// Modules are what the binary records as its dependencies, sorted by path.
	Modules []Module
}

// Module is a module other than the main one.
type Module struct {
	Path, Version string
	Sum           string // h1; "" when Replace is set
	Replace       *Module
}

// program walks from root to everything that it imports.
func (m *mainModule) program(root *pkg) (*Program, error) {
	m.walks++
	w := walk{number: m.walks, owners: map[*owner]bool{}}
	if err := w.visit(root); err != nil {
		return nil, err
	}
	if root.folder.name != "main" {
		return nil, fail.Fail(root.place.dir(), "name the folder of a main package", "it holds the package %s, not a program", root.folder.name)
	}
	p := &Program{Package: root.path, ModuleRoot: m.owner.dir, Toolchain: m.toolchain, Files: w.files, Inputs: w.inputs}
	p.Files = append(p.Files, m.files...)
	slices.SortFunc(p.Files, func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) })
	p.Files = slices.CompactFunc(p.Files, func(a, b git.Entry) bool { return a.Path == b.Path })

	p.Inputs = append(p.Inputs,
		canon.Input{Name: "package", Value: root.path},
		canon.Input{Name: "toolchain", Value: m.toolchain},
		canon.Input{Name: "go.mod module", Value: m.owner.path},
		canon.Input{Name: "go.mod go", Value: m.owner.language},
	)
	for _, g := range m.godebug {
		p.Inputs = append(p.Inputs, canon.Input{Name: "go.mod godebug " + g.Key, Value: g.Value})
	}
	for o := range w.owners {
		if o == m.owner {
			continue
		}
		mod := o.module()
		p.Modules = append(p.Modules, mod)
		p.Inputs = append(p.Inputs, canon.Input{Name: "module " + mod.Path + "@" + mod.Version, Value: mod.content()})
		if o.local {
			p.Inputs = append(p.Inputs, canon.Input{Name: "go line of " + o.path, Value: o.language})
		}
	}
	slices.SortFunc(p.Modules, func(a, b Module) int { return cmp.Compare(a.Path, b.Path) })
	canon.SortInputs(p.Inputs)
	p.Inputs = slices.Compact(p.Inputs)
	return p, nil
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

// walk goes through the packages of one program.
type walk struct {
	number int    // tells this walk's marks from those of earlier ones
	path   []*pkg // from the main package to where it is
	files  []git.Entry
	inputs []canon.Input
	owners map[*owner]bool
}

// mark is where a walk stands with a package.
type mark struct {
	walk int
	done bool
}

func (w *walk) visit(p *pkg) error {
	if p.mark.walk == w.number && p.mark.done {
		return nil
	}
	w.path = append(w.path, p)
	switch {
	case p.mark.walk == w.number:
		return fail.Fail("", "move what both need into a package of its own", "import cycle: %s", w.trail())
	case p.err != nil:
		return w.explain(p.err)
	case p.folder.name == "main" && len(w.path) > 1:
		return w.explain(fail.Fail("", "move what is shared into a package of its own", "%s is a program and cannot be imported", p.path))
	}
	p.mark = mark{walk: w.number}
	for _, q := range p.imports {
		if err := w.visit(q); err != nil {
			return err
		}
	}
	p.mark.done = true
	w.path = w.path[:len(w.path)-1]
	w.files = append(w.files, p.files...)
	w.inputs = append(w.inputs, p.inputs...)
	w.owners[p.place.owner] = true
	return nil
}

// explain adds how the main package comes to need the package at fault.
func (w *walk) explain(err error) error {
	if len(w.path) < 3 {
		return err
	}
	return fmt.Errorf("%w (needed through %s)", err, w.trail())
}

func (w *walk) trail() string {
	var names []string
	for _, p := range w.path {
		names = append(names, p.path)
	}
	return strings.Join(names, " → ")
}
