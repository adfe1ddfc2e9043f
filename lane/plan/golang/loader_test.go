package golang

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// everything is a module with one of each thing that the go command decides.
const everything = `
-- go.mod --
module example.com/app

go 1.26.0

godebug http2client=0

require (
	example.com/near v0.1.0
	example.com/unused v0.0.0
)

replace example.com/near => ./third_party/near

replace example.com/unused => ./third_party/unused
-- third_party/near/go.mod --
module example.com/near

go 1.21
-- third_party/near/near.go --
package near

import _ "example.com/near/inner"
-- third_party/near/inner/inner.go --
package inner
-- third_party/near/deeper/go.mod --
module example.com/deeper
-- third_party/near/deeper/deeper.go --
package deeper
-- third_party/unused/go.mod --
module example.com/unused

go 1.21
-- third_party/unused/unused.go --
package unused
-- go.work --
go 1.26.0

use ./nowhere
-- vendor/modules.txt --
# nothing
-- cmd/api/main.go --
package main

import (
	_ "fmt"

	_ "example.com/app/internal/asm"
	_ "example.com/app/internal/embed"
	_ "example.com/app/internal/tags"
	_ "example.com/near"
)

func main() {}
-- cmd/api/main_test.go --
package main

import _ "example.com/app/internal/onlytests"
-- cmd/api/broken_test.go --
this is not Go
-- cmd/api/default.pgo --
not a profile
-- cmd/plain/main.go --
package main

func main() {}
-- cmd/plain/README.md --
-- internal/onlytests/a_test.go --
package onlytests
-- internal/tags/tags.go --
package tags
-- internal/tags/tags_linux.go --
package tags

import _ "example.com/app/internal/linux"
-- internal/tags/tags_windows.go --
package tags

import _ "example.com/app/internal/missing"
-- internal/tags/tags_arm64.go --
package tags
-- internal/tags/zone.go --
//go:build timetzdata && !go1.99 && go1.26 && amd64.v1 && !amd64.v2

package tags
-- internal/tags/ignored.go --
//go:build ignore

package main
-- internal/tags/experiment.go --
//go:build goexperiment.regabiargs && !goexperiment.nosuchthing

package tags
-- internal/tags/old.go --
// +build windows

package tags
-- internal/tags/cgo.go --
package tags

import "C"
import _ "example.com/app/internal/missing"
-- internal/tags/native.c --
int x;
-- internal/tags/_hidden.go --
package hidden
-- internal/tags/x.syso --
-- internal/tags/x_windows.syso --
-- internal/linux/linux.go --
package linux
-- internal/other.txt --
package linux
-- internal/asm/asm.go --
package asm

func Zero() int
-- internal/asm/asm_amd64.s --
#include "textflag.h"
/* a comment */ #include "zero.h"
// #include "not.h"
TEXT ·Zero(SB),NOSPLIT,$0-8
	RET
-- internal/asm/zero.h --
#include "nested.h"
-- internal/asm/nested.h --
#define ZERO 0
-- internal/asm/not.h --
-- internal/asm/asm_arm64.s --
#include "arm.h"
-- internal/embed/embed.go --
package embed

import "embed"

//go:embed static all:hidden *.txt "with space.md"
//go:embed deep/*/x.tmpl
var FS embed.FS
-- internal/embed/a.txt --
-- internal/embed/.b.txt --
-- internal/embed/with space.md --
-- internal/embed/static/index.html --
-- internal/embed/static/.secret --
-- internal/embed/static/_draft --
-- internal/embed/static/more/page.html --
-- internal/embed/static/mod/go.mod --
module example.com/other
-- internal/embed/static/mod/x.html --
-- internal/embed/hidden/.keep --
-- internal/embed/hidden/_x --
-- internal/embed/deep/one/x.tmpl --
-- internal/embed/deep/two/x.tmpl --
-- internal/embed/deep/two/y.tmpl --
`

// TestF5_LoaderAgreesWithGoList: the fast way and the go command see the same
// program.
func TestF5_LoaderAgreesWithGoList(t *testing.T) {
	tr := open(t, everything, map[string]string{
		"internal/linux/linked.go": "../shared.txt", "internal/shared.txt": "other.txt",
		"internal/embed/static/link": "index.html",
	})
	for _, dir := range []string{"cmd/api", "cmd/plain"} {
		t.Run(dir, func(t *testing.T) { agree(t, tr, dir) })
	}
}

// TestF5_LoaderAgreesWithGoListHere: the same for the programs of this very
// repository, with all that they import.
func TestF5_LoaderAgreesWithGoListHere(t *testing.T) {
	repo, err := git.Open(t.Context(), ".")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("this is no git repository: %v", err)
	}
	commit, err := repo.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := repo.Blobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	tr, err := tree.Open(commit, blobs)
	if err != nil {
		t.Fatal(err)
	}
	for child := range tr.Children("cmd") {
		t.Run(child.Name, func(t *testing.T) {
			dir := "cmd/" + child.Name
			if _, err := oracle(t, tr, dir); err != nil {
				if _, fast := loader(tr).Program(t.Context(), dir); fast == nil {
					t.Errorf("go list refuses what the loader accepts: %v", err)
				}
				return
			}
			p := agree(t, tr, dir)
			t.Logf("%d files, %d modules", len(p.Files()), len(p.Modules()))
		})
	}
}

// agree compares the two and returns the program.
func agree(t *testing.T, tr *tree.Tree, dir string) *Program {
	t.Helper()
	fast, err := loader(tr).Program(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := oracle(t, tr, dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slow, fast, cmpopts.IgnoreUnexported(Program{})); diff != "" {
		t.Errorf("go list (-) and the loader (+) differ:\n%s", diff)
	}
	if diff := cmp.Diff(slices.Collect(slow.Inputs()), slices.Collect(fast.Inputs())); diff != "" {
		t.Errorf("inputs: go list (-) and the loader (+) differ:\n%s", diff)
	}
	if diff := cmp.Diff(slow.Files(), fast.Files()); diff != "" {
		t.Errorf("files: go list (-) and the loader (+) differ:\n%s", diff)
	}
	if diff := cmp.Diff(slow.Modules(), fast.Modules()); diff != "" {
		t.Errorf("modules: go list (-) and the loader (+) differ:\n%s", diff)
	}
	return fast
}

// oracle loads one program with the go command alone.
func oracle(t *testing.T, tr *tree.Tree, dir string) (*Program, error) {
	t.Helper()
	l := loader(tr)
	m, _, err := l.root(t.Context(), dir)
	if err != nil {
		return nil, err
	}
	m.doubt = "this is a test"
	return l.Program(t.Context(), dir)
}

// TestModulesInOtherPlaces: a main package at the top of the tree, and modules
// below it that use each other's folders.
func TestModulesInOtherPlaces(t *testing.T) {
	tr := open(t, `
-- go.mod --
module top

go 1.26.0
-- main.go --
package main

import _ "top/lib"

func main() {}
-- lib/lib.go --
package lib
-- svc/go.mod --
module example.com/svc

go 1.25.0

require example.com/shared v0.0.0

replace example.com/shared => ../shared
-- svc/main.go --
package main

import _ "example.com/shared/deep"

func main() {}
-- svc/cmd/tool/main.go --
package main

func main() {}
-- shared/go.mod --
module example.com/shared

go 1.24
-- shared/deep/deep.go --
package deep
`, nil)
	for dir, want := range map[string]string{
		".":            "top . go.mod lib/lib.go main.go",
		"svc":          "example.com/svc svc shared/deep/deep.go shared/go.mod svc/go.mod svc/main.go",
		"svc/cmd/tool": "example.com/svc/cmd/tool svc shared/go.mod svc/cmd/tool/main.go svc/go.mod",
	} {
		p := agree(t, tr, dir)
		if got := strings.Join(append([]string{p.Package, p.ModuleRoot}, paths(p)...), " "); got != want {
			t.Errorf("%s: %s\nwant %s", dir, got, want)
		}
	}
}

func paths(p *Program) []string {
	var list []string
	for _, e := range p.Files() {
		list = append(list, e.Path)
	}
	return list
}

func names(p *Program) string {
	var list []string
	for in := range p.Inputs() {
		list = append(list, in.Name+" = "+in.Value)
	}
	return strings.Join(list, "\n")
}

func TestProgramNamesItsInputs(t *testing.T) {
	p, err := loader(open(t, everything, nil)).Program(t.Context(), "cmd/api")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cmd/api/default.pgo", "cmd/api/main.go", "go.mod",
		"internal/asm/asm.go", "internal/asm/asm_amd64.s", "internal/asm/nested.h", "internal/asm/zero.h",
		"internal/embed/.b.txt", "internal/embed/a.txt", "internal/embed/deep/one/x.tmpl", "internal/embed/deep/two/x.tmpl",
		"internal/embed/embed.go", "internal/embed/hidden/.keep", "internal/embed/hidden/_x",
		"internal/embed/static/index.html", "internal/embed/static/more/page.html", "internal/embed/with space.md",
		"internal/linux/linux.go",
		"internal/tags/experiment.go", "internal/tags/tags.go", "internal/tags/tags_linux.go", "internal/tags/x.syso", "internal/tags/zone.go",
		"third_party/near/go.mod", "third_party/near/inner/inner.go", "third_party/near/near.go", "third_party/unused/go.mod",
	}
	if diff := cmp.Diff(want, paths(p)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		"package = example.com/app/cmd/api", "toolchain = " + runtime.Version(), "go.mod module = example.com/app", "go.mod go = 1.26",
		"go.mod godebug http2client = 0", "module example.com/near@v0.1.0 = => ./third_party/near", "go line of example.com/near = 1.21",
	} {
		if !strings.Contains(names(p)+"\n", line+"\n") {
			t.Errorf("there is no input %q in\n%s", line, names(p))
		}
	}
	for _, bad := range []string{"file go.mod", "unused", "_test.go"} {
		if strings.Contains(names(p), bad) {
			t.Errorf("%q is an input", bad)
		}
	}
}

// What a program is made of stays what it was when others are loaded after it.
func TestF5_ProgramIsNotChangedByOthers(t *testing.T) {
	l := loader(open(t, everything, nil))
	first, err := l.Program(t.Context(), "cmd/plain")
	if err != nil {
		t.Fatal(err)
	}
	inputs, files := names(first), paths(first)
	if _, err := l.Program(t.Context(), "cmd/api"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inputs, names(first)); diff != "" {
		t.Errorf("inputs (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(files, paths(first)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}
