package agentrun_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree is the Go files and scripts of the repository by folder, those of other modules
// too.
func tree(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{".git", ".cache", "bin"}, d.Name()) {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(name); err == nil && (ext == ".go" || ext == ".txtar" && strings.Contains(name, "/script/")) {
			all[filepath.ToSlash(filepath.Dir(name))] = append(all[filepath.ToSlash(filepath.Dir(name))], filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return data
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// testsIn are the tests and fuzz targets of a file.
func testsIn(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	for _, d := range parse(t, file).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

// refusals are the rules that a file refuses by: those that it gives to fail.Refuse or
// puts into a finding.
func refusals(t *testing.T, file string) []string {
	t.Helper()
	var rules []string
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if rule, err := strconv.Unquote(lit.Value); err == nil && ruleNumber.MatchString(rule) && !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && strings.EqualFold(f.Sel.Name, "refuse") && len(n.Args) > 0 {
				add(n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Rule" {
				add(n.Value)
			}
		}
		return true
	})
	return rules
}

// source is the declarations of the packages that were asked for.
type source map[string]map[string]ast.Node // folder → name → declaration

func (s source) of(t *testing.T, dir string) map[string]ast.Node {
	t.Helper()
	if decls, ok := s[dir]; ok {
		return decls
	}
	decls := map[string]ast.Node{}
	s[dir] = decls
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, d := range parse(t, file).Decls {
			declare(decls, d)
		}
	}
	return decls
}

func declare(decls map[string]ast.Node, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			of := d.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if id, ok := of.(*ast.Ident); ok {
				name = id.Name + "." + name
			}
		}
		decls[name] = d
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				decls[spec.Name.Name] = spec
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					decls[n.Name] = spec
				}
			}
		}
	}
}

// split takes "lane/names.For" apart. A name without a folder is of the root.
func split(ref string) (dir, name string) {
	folder, last := path.Split(ref)
	pkg, name, ok := strings.Cut(last, ".")
	if !ok {
		return ".", ref
	}
	return path.Join(folder, pkg), name
}

func (s source) checkCode(t *testing.T, rule, ref string) {
	t.Helper()
	if _, err := os.Stat(ref); err == nil {
		return // a file, such as a schema
	}
	dir, name := split(ref)
	if s.of(t, dir)[name] == nil {
		t.Errorf("%s: %s: %q is not in the source", rulesPage, rule, ref)
	}
}

// checkTest accepts a test function whose name carries the rule, one of its
// cases whose name does, as in "pkg.TestRefusals/A1 no version", or a script
// that speaks of the rule.
func (s source) checkTest(t *testing.T, rule, ref string) {
	t.Helper()
	if strings.HasSuffix(ref, ".txtar") {
		data, err := os.ReadFile(ref)
		if err != nil || !regexp.MustCompile(`\b`+rule+`\b`).Match(data) {
			t.Errorf("%s: %s: the script %s is not there, or does not speak of the rule", rulesPage, rule, ref)
		}
		return
	}
	test, which, inside := cutCase(ref)
	dir, name := split(test)
	decl, ok := s.of(t, dir)[name].(*ast.FuncDecl)
	switch {
	case !ok || !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz"):
		t.Errorf("%s: %s: the test %q is not in the source", rulesPage, rule, ref)
	case inside && !hasString(decl, which):
		t.Errorf("%s: %s: the test %s has no case %q", rulesPage, rule, test, which)
	case inside && !carries(which, rule), !inside && !carries(name, rule):
		t.Errorf("%s: %s: the test %q does not carry the rule's number", rulesPage, rule, ref)
	}
}

// carries reports whether the rule is among those that a name begins with.
func carries(name, rule string) bool { return slices.Contains(rulesOf(name), rule) }

// rulesOf are the rules that a name begins with: "TestF5_F6_SameImages", "A1 no version".
func rulesOf(name string) (rules []string) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "Test"), "Fuzz")
	for {
		end := strings.IndexAny(name, "_ ")
		if end < 0 || !ruleNumber.MatchString(name[:end]) {
			return rules
		}
		rules = append(rules, name[:end])
		name = name[end+1:]
	}
}

// cutCase takes "pkg.TestName/case" apart; the folder's slashes come before the dot.
func cutCase(ref string) (test, which string, inside bool) {
	dot := strings.Index(ref, ".Test")
	slash := strings.IndexByte(ref[max(dot, 0):], '/')
	if dot < 0 || slash < 0 {
		return ref, "", false
	}
	return ref[:dot+slash], ref[dot+slash+1:], true
}

func hasString(in ast.Node, want string) bool {
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s == want {
				found = true
			}
		}
		return !found
	})
	return found
}
