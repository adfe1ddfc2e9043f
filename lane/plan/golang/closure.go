package golang

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
)

// part is one thing that programs of a module are made of: a file, or a module.
type part struct {
	input canon.Input
	file  git.Entry // of a file
	owner *owner    // of a module
}

// index numbers the parts of all packages that are loaded, in the order of their
// inputs, so that what a program is made of is a set of numbers.
func (m *mainModule) index() {
	if m.indexed {
		return
	}
	m.indexed, m.parts = true, nil // a new list: programs hold the one before
	modules := map[*owner]bool{m.owner: true}
	for _, p := range m.packages {
		p.closure, p.state = nil, unknown
		if p.err != nil {
			continue
		}
		for i, in := range p.inputs {
			m.parts = append(m.parts, part{input: in, file: p.files[i]})
		}
		if o := p.place.owner; !modules[o] {
			modules[o] = true
			m.parts = append(m.parts, part{input: o.input(), owner: o})
			if o.local {
				m.parts = append(m.parts, part{input: o.goLine()})
			}
		}
	}
	slices.SortFunc(m.parts, func(a, b part) int { return strings.Compare(a.input.Name, b.input.Name) })
	m.parts = slices.CompactFunc(m.parts, func(a, b part) bool { return a.input == b.input })
	numbers := make(map[string]int, len(m.parts))
	for i, part := range m.parts {
		numbers[part.input.Name] = i
	}
	m.numbers = numbers
}

func (o *owner) input() canon.Input {
	mod := o.module()
	return canon.Input{Name: "module " + mod.Path + "@" + mod.Version, Value: mod.content()}
}

func (o *owner) goLine() canon.Input {
	return canon.Input{Name: "go line of " + o.path, Value: o.language}
}

// The states of a package's closure.
const (
	unknown = iota
	busy    // below it on the way: meeting it again is a cycle
	good
	bad
)

// closure is the numbers of all that p and what it imports are made of, and sets
// p.digest to their hash. It is false when something there cannot be built;
// explain says what.
func (m *mainModule) closure(p *pkg) (set, bool) {
	if p.state != unknown {
		return p.closure, p.state == good
	}
	if p.state = busy; p.err != nil {
		p.state = bad
		return nil, false
	}
	all := make(set, len(m.parts)/64+1)
	var own []string
	known := true
	add := func(in canon.Input) {
		n, ok := m.numbers[in.Name]
		known = known && ok
		all.add(n)
		own = append(own, in.Name, in.Value)
	}
	for _, in := range p.inputs {
		add(in)
	}
	if o := p.place.owner; o != m.owner {
		add(o.input())
		if o.local {
			add(o.goLine())
		}
	}
	var content memo.Encoder
	content.Strings(own)
	for _, q := range p.imports {
		below, ok := m.closure(q)
		if !ok || q.folder.name == "main" {
			p.state = bad
			return nil, false
		}
		all.join(below)
		content.Bytes(q.digest[:])
	}
	if !known {
		p.state = bad
		return nil, false
	}
	p.closure, p.digest, p.state = all, sha256.Sum256(content), good
	return all, true
}

// explain finds what is wrong below root, and says how root comes to need it.
func explain(root *pkg) error {
	var path []*pkg
	done := map[*pkg]bool{}
	var visit func(p *pkg) error
	visit = func(p *pkg) error {
		again := slices.Contains(path, p)
		path = append(path, p)
		switch {
		case again:
			return fail.Fail("", "move what both need into a package of its own", "import cycle: %s", trail(path))
		case p.err != nil:
			return through(path, p.err)
		case p.folder.name == "main" && p != root:
			return through(path, fail.Fail("", "move what is shared into a package of its own", "%s is a program and cannot be imported", p.path))
		}
		for _, q := range p.imports {
			if done[q] {
				continue
			}
			if err := visit(q); err != nil {
				return err
			}
		}
		path, done[p] = path[:len(path)-1], true
		return nil
	}
	return visit(root)
}

// through adds how the main package comes to need the package at fault.
func through(path []*pkg, err error) error {
	if len(path) < 3 {
		return err
	}
	return fmt.Errorf("%w (needed through %s)", err, trail(path))
}

func trail(path []*pkg) string {
	var names []string
	for _, p := range path {
		names = append(names, p.path)
	}
	return strings.Join(names, " → ")
}

// set is a set of small numbers.
type set []uint64

func (s set) add(n int) { s[n/64] |= 1 << (n % 64) }

func (s set) join(other set) {
	for i, w := range other {
		s[i] |= w
	}
}

// all are the numbers, ascending.
func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}
