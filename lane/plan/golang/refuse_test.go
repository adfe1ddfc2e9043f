package golang

import (
	"context"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// TestE4_SaysWhyAProgramCannotBePlanned: each thing that does not build, or that
// could be built in two ways, has its own words and a hint.
func TestE4_SaysWhyAProgramCannotBePlanned(t *testing.T) {
	const (
		gomod = "-- go.mod --\nmodule example.com/app\n\ngo 1.26.0\n\ntoolchain go1.26.8\n"
		main  = "-- cmd/api/main.go --\npackage main\n\nfunc main() {}\n"
	)
	importing := func(path string) string {
		return gomod + "-- cmd/api/main.go --\npackage main\n\nimport _ \"" + path + "\"\n\nfunc main() {}\n"
	}
	tests := []struct {
		name, tree string
		links      map[string]string
		want       string
	}{
		{"no folder", gomod, nil, "cmd/api: there is no such folder in commit"},
		{"a file", gomod + "-- cmd/api --\n", nil, "cmd/api: there is no such folder in commit"},
		{"no module", main, nil, "cmd/api: it is in no module"},
		{"malformed go.mod", "-- go.mod --\nmodul example.com/app\n" + main, nil, "go.mod:1: unknown directive: modul"},
		{"go.mod without module", "-- go.mod --\ngo 1.26.0\n" + main, nil, "go.mod: it names no module"},
		{"two requirements", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nrequire (\n\ta.b/c v1.0.0\n\ta.b/c v1.1.0\n)\n" + main, nil, "go.mod: it requires a.b/c twice"},
		{"two replacements", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nreplace (\n\ta.b/c => ./x\n\ta.b/c => ./y\n)\n" + main, nil, "go.mod: it replaces a.b/c twice"},
		{"malformed go.sum", gomod + "-- go.sum --\na.b/c v1.0.0\n" + main, nil, "go.sum:1: the line is malformed"},
		{"two hashes", gomod + "-- go.sum --\na.b/c v1.0.0 h1:x=\n\na.b/c v1.0.0 h1:y=\n" + main, nil, "go.sum:3: a.b/c@v1.0.0 has two different hashes"},
		{"toolchain of no release", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\ntoolchain go1.26.8-custom\n" + main, nil, `the toolchain line names "go1.26.8-custom"`},
		{"not a program", gomod + "-- cmd/api/api.go --\npackage api\n", nil, "cmd/api: it holds the package api, not a program"},
		{"no Go file", gomod + "-- cmd/api/README.md --\n", nil, "cmd/api: no Go file of the package is built for linux/amd64"},
		{"tests alone", gomod + "-- cmd/api/x_test.go --\npackage main\n", nil, "cmd/api: no Go file of the package is built"},
		{"all excluded", gomod + "-- cmd/api/x_windows.go --\npackage main\n", nil, "cmd/api: no Go file of the package is built"},
		{"cgo alone", gomod + "-- cmd/api/x.go --\npackage main\n\nimport \"C\"\n", nil, "without cgo"},
		{"two packages", gomod + main + "-- cmd/api/x.go --\npackage other\n", nil, "found packages main (main.go) and other (x.go)"},
		{"syntax", gomod + "-- cmd/api/x.go --\npackage\n", nil, "cmd/api/x.go:1:9: expected 'IDENT'"},
		{"malformed constraint", gomod + main + "-- cmd/api/x.go --\n//go:build (\n\npackage main\n", nil, "parsing //go:build line"},
		{"Fortran", gomod + main + "-- cmd/api/x.f --\n", nil, "Fortran files need cgo"},
		{"missing package", importing("example.com/app/internal/none"), nil, "cmd/api/main.go:3 imports example.com/app/internal/none: internal/none: there is no such folder in commit"},
		{"empty package", importing("example.com/app/x") + "-- x/README.md --\n", nil, "cmd/api/main.go:3 imports example.com/app/x: x: the folder holds no Go package of the module"},
		{"package of a nested module", importing("example.com/app/x") + "-- x/go.mod --\nmodule x\n-- x/x.go --\npackage x\n", nil, "x: the folder holds no Go package of the module"},
		{"relative import", importing("./x") + "-- cmd/api/x/x.go --\npackage x\n", nil, "cmd/api/main.go:3 imports ./x"},
		{"absolute import", importing("/x"), nil, "cmd/api/main.go:3 imports /x"},
		{"unknown module", importing("example.org/none"), nil, "cmd/api/main.go:3:8: cannot find module providing package example.org/none"},
		{"a program", importing("example.com/app/tool") + "-- tool/main.go --\npackage main\n\nfunc main() {}\n", nil, "example.com/app/tool is a program and cannot be imported"},
		{"foreign internal", importing("example.com/app/x/internal/y") + "-- x/internal/y/y.go --\npackage y\n", nil, "example.com/app/x/internal/y is internal to example.com/app/x"},
		{"std internal", importing("internal/abi"), nil, "internal/abi is internal to the standard library"},
		{
			"cycle", importing("example.com/app/a") + "-- a/a.go --\npackage a\n\nimport _ \"example.com/app/b\"\n-- b/b.go --\npackage b\n\nimport _ \"example.com/app/a\"\n", nil,
			"import cycle: example.com/app/cmd/api → example.com/app/a → example.com/app/b → example.com/app/a",
		},
		{
			"broken far away", importing("example.com/app/a") + "-- a/a.go --\npackage a\n\nimport _ \"example.com/app/b\"\n-- b/b.go --\npackage\n", nil,
			"(needed through example.com/app/cmd/api → example.com/app/a → example.com/app/b)",
		},
		{"no hash", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nrequire a.b/c v1.0.0\n-- cmd/api/main.go --\npackage main\n\nimport _ \"a.b/c\"\n", nil, "go.sum: it has no hash of a.b/c@v1.0.0"},
		{"replacement outside", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nrequire a.b/c v1.0.0\n\nreplace a.b/c => ../c\n-- cmd/api/main.go --\npackage main\n\nimport _ \"a.b/c\"\n", nil, "a.b/c is replaced by ../c, which is outside the repository"},
		{"replacement without go.mod", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nrequire a.b/c v1.0.0\n\nreplace a.b/c => ./c\n-- c/c.go --\npackage c\n-- cmd/api/main.go --\npackage main\n\nimport _ \"a.b/c\"\n", nil, "c/go.mod: it is not in commit"},
		{
			"two modules", "-- go.mod --\nmodule m\n\ngo 1.26.0\n\nrequire (\n\ta.b/c v1.0.0\n\ta.b/c/d v1.0.0\n)\n\nreplace a.b/c => ./c\n\nreplace a.b/c/d => ./d\n-- c/go.mod --\nmodule a.b/c\n-- c/d/d.go --\npackage d\n-- d/go.mod --\nmodule a.b/c/d\n-- d/d.go --\npackage d\n-- cmd/api/main.go --\npackage main\n\nimport _ \"a.b/c/d\"\n", nil,
			"it is in two modules, a.b/c/d and a.b/c",
		},
		{"embed nothing", gomod + "-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed none\nvar x string\n", nil, "cmd/api: //go:embed none: it matches no file"},
		{"embed a link", gomod + "-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n", map[string]string{"cmd/api/x": "main.go"}, "cmd/api/x is not a regular file"},
		{"embed through a link", gomod + "-- cmd/api/y/z --\n-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x/z\nvar x string\n", map[string]string{"cmd/api/x": "y"}, "it goes through the symbolic link cmd/api/x"},
		{"embed another module", gomod + "-- cmd/api/x/go.mod --\n-- cmd/api/x/y --\n-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n", nil, "cmd/api/x is in another module"},
		{"embed hidden files alone", gomod + "-- cmd/api/x/.y --\n-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n", nil, "the folder cmd/api/x holds nothing that can be embedded"},
		{"embed a bad name", gomod + "-- cmd/api/x/a:b --\n-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n", nil, "cmd/api/x/a:b has a name that a module cannot hold"},
		{"link out of the tree", gomod + main, map[string]string{"cmd/api/x.go": "../../../x.go"}, "cmd/api/x.go: the symbolic link leads out of the repository"},
		{"absolute link", gomod + main, map[string]string{"cmd/api/x.go": "/etc/passwd"}, "the symbolic link leads out of the repository"},
		{"dangling link", gomod + main, map[string]string{"cmd/api/x.go": "y.go"}, "leads to cmd/api/y.go, which is not in the commit"},
		{"link to a folder", gomod + main, map[string]string{"cmd/api/x.go": ".."}, "the symbolic link leads to the folder cmd"},
		{"links in a circle", gomod + main, map[string]string{"cmd/api/x.go": "y", "cmd/api/y": "x.go"}, "the symbolic links go in a circle"},
		{"package behind a link", importing("example.com/app/x") + "-- y/y.go --\npackage y\n", map[string]string{"x": "y"}, "cmd/api/main.go:3 imports example.com/app/x: x: there is no such folder"},
		{"package in a submodule", importing("example.com/app/x"), map[string]string{"x": git.ModeSubmodule}, "x: the folder holds no Go package of the module"},
		{"embed a submodule", gomod + "-- cmd/api/main.go --\npackage main\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n", map[string]string{"cmd/api/x": git.ModeSubmodule}, "the folder cmd/api/x holds nothing that can be embedded"},
		{"main package in a submodule", gomod, map[string]string{"cmd/api": git.ModeSubmodule}, "cmd/api: no Go file of the package is built"},
		{"link to a submodule", gomod + main, map[string]string{"cmd/api/x.go": "y", "cmd/api/y": git.ModeSubmodule}, "a submodule cannot be read by a build"},
		{"not UTF-8", gomod + main + "-- cmd/api/\xff.go --\npackage main\n", nil, `"cmd/api/\xff.go": its name is not UTF-8`},
		{"header below", gomod + main + "-- cmd/api/x_amd64.s --\n#include \"inc/x.h\"\n-- cmd/api/inc/x.h --\n", nil, `assembly includes "inc/x.h", which Go's build cache does not watch`},
		{"header above", gomod + main + "-- cmd/api/x_amd64.s --\n# /*\n*/ include \"../x.h\"\n-- cmd/x.h --\n", nil, `assembly includes "../x.h"`},
		{"header outside", gomod + main + "-- cmd/api/x_amd64.s --\n#include \"/etc/x.h\"\n", nil, `assembly includes "/etc/x.h"`},
		{"header of another kind", gomod + main + "-- cmd/api/x_amd64.s --\n#include \"x.inc\"\n-- cmd/api/x.inc --\n", nil, `assembly includes "x.inc"`},
		{"header for another system", gomod + main + "-- cmd/api/x_amd64.s --\n#include \"x_arm64.h\"\n-- cmd/api/x_arm64.h --\n", nil, `assembly includes "x_arm64.h"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := loader(open(t, tt.tree, tt.links))
			l.LocalVersion = func(context.Context) (string, error) { return "go1.26.8", nil }
			p, err := l.Program(t.Context(), "cmd/api")
			if err == nil {
				t.Fatalf("planned as %v", p.Files())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error: %v\nwant: %s", err, tt.want)
			}
			if fail.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}
