package plan_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// two are two programs that share packages; each prints what it is made of, so
// that the linker keeps it. %s is the local toolchain.
const two = `
-- go.mod --
module example.com/two

go 1.26.0

toolchain %s

require (
	example.com/idle v0.0.0
	example.com/near v0.0.0
)

replace example.com/idle => ./idle

replace example.com/near => ./near
-- idle/go.mod --
module example.com/idle

go 1.21
-- near/go.mod --
module example.com/near

go 1.21
-- near/near.go --
package near

// Loop tells whether a loop's variable is one or many: the go line decides.
func Loop() (n int) {
	var all []*int
	for i := 0; i < 3; i++ {
		all = append(all, &i)
	}
	return *all[0]
}
-- cmd/a/main.go --
package main

import (
	"example.com/near"
	"example.com/two/internal/asm"
	"example.com/two/internal/text"
)

func main() { println("a", near.Loop(), asm.Answer(), text.Text) }
-- cmd/b/main.go --
package main

import "example.com/two/internal/text"

func main() { println("b", text.Text) }
-- internal/asm/asm.go --
package asm

func Answer() int
-- internal/asm/asm_amd64.s --
#include "answer.h"
TEXT ·Answer(SB),4,$0-8
	MOVQ ANSWER, ret+0(FP)
	RET
-- internal/asm/answer.h --
#define ANSWER $42
-- internal/text/text.go --
package text

import _ "embed"

//go:embed text.txt
var embedded string

var Text = embedded + tagged
-- internal/text/text.txt --
text
-- internal/text/tagged.go --
//go:build timetzdata

package text

const tagged = "tagged"
-- internal/text/untagged.go --
//go:build !timetzdata

package text

const tagged = "not tagged"
`

// edits are what a random commit may do. Each leaves both programs buildable,
// whatever was done before. Those named alike undo each other.
var edits = map[string]func(s *source, n int){
	"readme": func(s *source, n int) { s.files["README.md"] = fmt.Appendf(nil, "# %d\n", n) },
	"main": func(s *source, n int) {
		s.files["cmd/b/n.go"] = fmt.Appendf(nil, "package main\n\nfunc init() { println(%d) }\n", n)
	},
	"comment": func(s *source, n int) {
		s.files["internal/text/doc.go"] = fmt.Appendf(nil, "package text\n\n// %d\n", n)
	},
	"test": func(s *source, n int) {
		s.files["internal/text/text_test.go"] = fmt.Appendf(nil, "package text\n\n// %d\n", n)
	},
	"test of a main": func(s *source, n int) {
		s.files["cmd/a/a_test.go"] = fmt.Appendf(nil, "package main\n\nvar x = %d\n", n)
	},
	"other system": func(s *source, n int) {
		s.files["internal/text/x_windows.go"] = fmt.Appendf(nil, "package text\n\n// %d\n", n)
	},
	"unread package": func(s *source, n int) {
		s.files["internal/unread/x.go"] = fmt.Appendf(nil, "package unread\n\n// %d\n", n)
	},
	"unread header":   func(s *source, n int) { s.files["internal/asm/unread.h"] = fmt.Appendf(nil, "#define N %d\n", n) },
	"C file":          func(s *source, n int) { s.files["internal/asm/x.c"] = fmt.Appendf(nil, "int n = %d;\n", n) },
	"header":          func(s *source, n int) { s.files["internal/asm/answer.h"] = fmt.Appendf(nil, "#define ANSWER $%d\n", n) },
	"embedded":        func(s *source, n int) { s.files["internal/text/text.txt"] = fmt.Appendf(nil, "text %d\n", n) },
	"beside embedded": func(s *source, n int) { s.files["internal/text/more.txt"] = fmt.Appendf(nil, "text %d\n", n) },
	"replaced module": func(s *source, n int) {
		s.files["near/n.go"] = fmt.Appendf(nil, "package near\n\nfunc init() { println(%d) }\n", n)
	},
	"unread module":     func(s *source, n int) { s.files["idle/idle.go"] = fmt.Appendf(nil, "package idle\n\n// %d\n", n) },
	"go line of near":   func(s *source, n int) { s.swap("near/go.mod", "go 1.", []string{"21", "22", "21.5"}[n%3]) },
	"go line of idle":   func(s *source, n int) { s.swap("idle/go.mod", "go 1.", []string{"21", "22"}[n%2]) },
	"go line":           func(s *source, n int) { s.swap("go.mod", "go 1.", []string{"26.0", "26.1", "25.0"}[n%3]) },
	"godebug":           func(s *source, n int) { s.swap("go.mod", "godebug ", []string{"http2client=0", "panicnil=1"}[n%2]) },
	"requirement":       func(s *source, n int) { s.swap("go.mod", "\texample.com/idle v0.0.", fmt.Sprint(n%3)) },
	"used requirement":  func(s *source, n int) { s.swap("go.mod", "\texample.com/near v0.0.", fmt.Sprint(n%3)) },
	"comment in go.mod": func(s *source, n int) { s.swap("go.mod", "// ", fmt.Sprint(n)) },
	"build tag":         func(s *source, n int) { flip(s, n) },
	"rename":            func(s *source, n int) { rename(s, n) },
	"unused import": func(s *source, n int) {
		s.files["cmd/b/x.go"] = []byte("package main\n\nimport _ \"example.com/two/internal/asm\"\n")
	},
	"nothing":             func(*source, int) {},
	"embedded, as it was": func(s *source, n int) { s.files["internal/text/text.txt"] = []byte("text\n") },
}

// swap replaces the rest of the line that begins with prefix, or adds the line.
func (s *source) swap(file, prefix, rest string) {
	var out []string
	found := false
	for line := range strings.Lines(string(s.files[file])) {
		if strings.HasPrefix(line, prefix) && !found {
			line, found = prefix+rest+"\n", true
		}
		out = append(out, line)
	}
	if !found {
		out = append(out, prefix+rest+"\n")
	}
	s.files[file] = []byte(strings.Join(out, ""))
}

// flip changes which of two files the build tags let through.
func flip(s *source, n int) {
	for i, file := range []string{"internal/text/tagged.go", "internal/text/untagged.go"} {
		not := ""
		if (i+n)%2 == 1 {
			not = "!"
		}
		s.swap(file, "//go:build ", not+"timetzdata")
	}
}

func rename(s *source, n int) {
	for _, file := range []string{"near/near.go", "near/other.go", "near/third.go"} {
		if data, ok := s.files[file]; ok {
			delete(s.files, file)
			s.files[[]string{"near/near.go", "near/other.go", "near/third.go"}[n%3]] = data
			return
		}
	}
}

// TestF5_EqualIdentityMeansEqualBinary makes random commits and really builds
// them: from the component's files alone, and from a plain checkout. Two builds
// of one identity that differ in a bit fail it. That an identity changed and the
// binary did not is allowed, and counted.
func TestF5_EqualIdentityMeansEqualBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles")
	}
	names := slices.Sorted(maps.Keys(edits))
	base := newSource(t, fmt.Sprintf(two, runtime.Version()))
	lab := &laboratory{t: t, source: base, binaries: map[string][sha256.Size]byte{}, states: map[string]bool{}}
	lab.compare(t, base.commit())
	first := lab.latest
	budget, identities, binaries, states := 25, 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := base.branch(t)
		for range rapid.IntRange(1, 3).Draw(rt, "edits") {
			name := rapid.SampledFrom(names).Draw(rt, "edit")
			edits[name](s, rapid.IntRange(0, 5).Draw(rt, "variant"))
		}
		commit := s.commit()
		if lab.states[commit] || budget == 0 && !lab.failed {
			return
		}
		lab.states[commit] = true
		budget--
		lab.compare(rt, commit)
		states++
		for id, now := range lab.latest {
			if now.identity != first[id].identity {
				identities++
				if now.binary != first[id].binary {
					binaries++
				}
			}
		}
	})
	if identities > 0 {
		t.Logf("%d commits of 2 services: %d identities changed, %d binaries with them; over-build rate %.0f%%",
			states, identities, binaries, 100*float64(identities-binaries)/float64(identities))
	}
}

// laboratory builds commits for real.
type laboratory struct {
	t        *testing.T
	source   *source
	states   map[string]bool              // commits that were looked at
	binaries map[string][sha256.Size]byte // by identity
	latest   map[string]result            // by service
	failed   bool                         // from then on every commit counts, to find the smallest
}

type result struct {
	identity string
	binary   [sha256.Size]byte
}

// compare builds both services of a commit in both ways.
func (lab *laboratory) compare(t rapid.TB, commit string) {
	t.Helper()
	ctx := lab.t.Context()
	snap, err := lab.source.loader.Snapshot(ctx, commit)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	components, err := snap.Components(ctx, []intent.Service{
		{ID: "a", Build: intent.Build{Go: "cmd/a"}}, {ID: "b", Build: intent.Build{Go: "cmd/b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := lab.source.repo.Tree(ctx, commit)
	if err != nil {
		t.Fatal(err)
	}
	plain := lab.build(t, entries, components[0].Toolchain, "./cmd/a", "./cmd/b")
	lab.latest = map[string]result{}
	for _, c := range components {
		identity := c.Identity()
		if _, ok := lab.binaries[identity]; !ok {
			var files []git.Entry
			for _, f := range c.Files {
				files = append(files, git.Entry{Mode: f.Mode, Type: "blob", OID: f.OID, Path: f.Path})
			}
			lab.binaries[identity] = lab.build(t, files, c.Toolchain, c.Package)[c.ServiceID]
		}
		if plain[c.ServiceID] != lab.binaries[identity] {
			lab.failed = true
			t.Fatalf("service %s has the identity of another binary; inputs: %v", c.ServiceID, c.Inputs)
		}
		lab.latest[c.ServiceID] = result{identity, plain[c.ServiceID]}
	}
}

// build compiles packages from exactly these files and hashes the programs.
func (lab *laboratory) build(t rapid.TB, files []git.Entry, toolchain string, packages ...string) map[string][sha256.Size]byte {
	t.Helper()
	ctx := lab.t.Context()
	top := lab.t.TempDir()
	blobs, err := lab.source.repo.Blobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	if err := tree.New("", nil, blobs).Materialize(top, files); err != nil {
		t.Fatal(err)
	}
	env, err := plan.GoEnvironment(ctx, toolchain)
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(top, "bin") + string(filepath.Separator)
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, plan.GoFlags()...), append([]string{"-o", bin}, packages...)...)...)
	cmd.Dir, cmd.Env = top, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", packages, err, out)
	}
	sums := map[string][sha256.Size]byte{}
	for _, p := range packages {
		name := filepath.Base(p)
		data, err := os.ReadFile(bin + name)
		if err != nil {
			t.Fatal(err)
		}
		sums[name] = sha256.Sum256(data)
	}
	return sums
}
