package golang

import (
	"bytes"
	"context"
	"testing"

	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// FuzzModule reads go.mod and go.sum that nobody trusts.
func FuzzModule(f *testing.F) {
	f.Add([]byte("module m\n\ngo 1.26.0\n\ntoolchain go1.26.8\n\nrequire (\n\ta.b/c v1.0.0\n\td.e/f v0.1.0 // indirect\n)\n\nreplace a.b/c => ./c\n\nreplace d.e/f v0.1.0 => g.h/i v1.2.3\n"),
		[]byte("d.e/f v0.1.0 h1:x=\ng.h/i v1.2.3 h1:y=\ng.h/i v1.2.3/go.mod h1:z=\n"), "a.b/c/d")
	f.Add([]byte("module \"m\"\nreplace a => ../../a\ngodebug default=go1.21\n"), []byte("a b c d\n"), "/m")
	f.Fuzz(func(t *testing.T, gomod, gosum []byte, importPath string) {
		file, err := parseModFile("go.mod", gomod)
		if err != nil {
			return
		}
		sums, err := parseSums("go.sum", gosum)
		if err != nil {
			return
		}
		name, err := toolchain(t.Context(), "go.mod", file, func(context.Context) (string, error) { return "go1.26.8", nil })
		if err == nil && (!isRelease(name) || minor(name) > 999) {
			t.Fatalf("toolchain %q", name)
		}
		m := &mainModule{owner: &owner{path: file.Module.Mod.Path, local: true, dir: "."}, sums: sums}
		if err := m.require(tree.New("", nil, nil), "go.mod", file); err != nil {
			return
		}
		for path, o := range m.owners {
			if o.path != path || o.err == nil && !o.local && o.sum == "" || o.local && o.source != (module.Version{}) {
				t.Fatalf("%s is %+v", path, o)
			}
		}
		for _, c := range m.candidates(importPath) {
			if c.owner.path != importPath && c.owner.path+"/"+c.sub != importPath {
				t.Fatalf("%q in %q at %q", importPath, c.owner.path, c.sub)
			}
		}
	})
}

// FuzzIncludes: every plain include line is found, whatever stands around it.
func FuzzIncludes(f *testing.F) {
	f.Add([]byte("#include \"textflag.h\"\n/* # */ # include \"x.h\" // y\n'\"' #define X \"#include\"\n"), "a.h")
	f.Fuzz(func(t *testing.T, source []byte, name string) {
		if bytes.ContainsAny(source, "\"'`/") {
			source = nil // could quote or comment out what follows
		}
		for _, c := range []byte(name) {
			if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
				return
			}
		}
		found := includes(append(source, "\n#include \""+name+"\"\n"...))
		if len(found) == 0 || found[len(found)-1] != name {
			t.Fatalf("found %q", found)
		}
	})
}

// FuzzScan: whatever a folder holds, go/build's answer is kept and read back.
func FuzzScan(f *testing.F) {
	f.Add("a.go", []byte("//go:build linux && goexperiment.x\n\npackage a\n\nimport \"embed\"\n\n//go:embed x\nvar f embed.FS\n"), "a_amd64.s", []byte("#include \"b.h\"\n"))
	f.Fuzz(func(t *testing.T, name1 string, data1 []byte, name2 string, data2 []byte) {
		r := rules{minor: 26}
		got := r.scan("dir", map[string][]byte{name1: data1, name2: data2, "b.h": nil})
		again, ok := decodeFolder(got.encode())
		if !ok || string(again.encode()) != string(got.encode()) {
			t.Fatalf("%+v is read back as %+v", got, again)
		}
	})
}
