package golang

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"text/scanner"
	"unicode"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// followIncludes finds the headers that the folder's assembly includes. Only
// those in the same folder that the build constraints let through are watched by
// Go's build cache; every other name is kept apart, to be judged with the tree.
func (f *folder) followIncludes(allowed []string, files map[string][]byte) {
	queue := slices.Clone(f.asmFiles)
	seen := map[string]bool{}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		for _, name := range includes(files[file]) {
			switch {
			case seen[name]:
			case slices.Contains(allowed, name):
				f.headers = append(f.headers, name)
				queue = append(queue, name)
			default:
				f.outside = append(f.outside, name)
			}
			seen[name] = true
		}
	}
	slices.Sort(f.headers)
	slices.Sort(f.outside)
}

// includes are the names in `#include "name"` lines, whatever conditions they
// stand under, read with the assembler's own tokens.
func includes(source []byte) []string {
	var s scanner.Scanner
	s.Init(bytes.NewReader(source))
	s.Error = func(*scanner.Scanner, string) {} // the assembler will say so
	s.Mode = scanner.ScanChars | scanner.ScanFloats | scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings | scanner.ScanComments | scanner.SkipComments
	s.IsIdentRune = func(r rune, i int) bool {
		return unicode.IsLetter(r) || r == '_' || r == '\u00b7' || r == '\u2215' || i > 0 && unicode.IsDigit(r)
	}
	var names []string
	for tok := s.Scan(); tok != scanner.EOF; {
		if tok != '#' {
			tok = s.Scan()
			continue
		}
		if tok = s.Scan(); tok != scanner.Ident || s.TokenText() != "include" {
			continue
		}
		if tok = s.Scan(); tok != scanner.String {
			continue
		}
		if name, err := strconv.Unquote(s.TokenText()); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// checkIncludes refuses assembly that includes a file of the commit which Go's
// build cache does not watch, or one outside: such a file can change without the
// package being assembled again, and two machines would build two programs. What
// is left are the toolchain's own headers, such as textflag.h.
func (f *folder) checkIncludes(t *tree.Tree, dir string) error {
	for _, name := range f.outside {
		at := path.Join(dir, name)
		_, isEntry := t.Entry(at)
		if isEntry || path.IsAbs(name) || at == ".." || len(at) > 3 && at[:3] == "../" {
			return fail.Fail(dir, "put the header into the package's own folder, with a name that its build constraints let through",
				"assembly includes %q, which Go's build cache does not watch", name)
		}
	}
	return nil
}
