package agentrun_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/check"
	"github.com/pikasTech/agentrun/lane/intent"
)

// rulesPage is the table rule → code → test.
const rulesPage = "docs/rules.md"

// law is how many rules each group has, and carried are those that must be
// enforced in full.
var (
	law     = map[string]int{"A": 6, "B": 6, "C": 5, "D": 4, "E": 9, "F": 7, "G": 7, "H": 4, "I": 10}
	carried = strings.Fields("A1 A2 A3 A4 A5 A6 B1 B2 B3 B4 B5 B6 C1 C2 C3 C4 C5 D1 D2 D3 D4 E1 E2 E3 E4 E5 E6 E7 E8 E9 F1 F2 F3 F4 F5 F6 F7 G1 G2 G3 G4 G5 G6 H1 H2 H3 H4 I1 I2 I3 I4 I5 I6 I7 I8 I9 I10")
)

var ruleNumber = regexp.MustCompile(`^[A-I](10|[1-9])$`)

// TestRulesTable: each rule stands in one section of the page; those that are
// enforced name code that exists and a test that exists and breaks them.
func TestRulesTable(t *testing.T) {
	section := map[string]string{} // rule → title of its section
	src := source{}
	for _, s := range readPage(t, rulesPage).sections {
		for _, row := range s.rows {
			rule := row[0].text
			if !ruleNumber.MatchString(rule) {
				t.Errorf("%s: %q in %q is no rule", rulesPage, rule, s.title)
				continue
			}
			if in, twice := section[rule]; twice {
				t.Errorf("%s: %s stands in %q and in %q", rulesPage, rule, in, s.title)
			}
			section[rule] = s.title
			if s.title == "Not yet enforced" {
				continue
			}
			if len(row) < 4 || len(row[2].code) == 0 || len(row[3].code) == 0 {
				t.Errorf("%s: %s names no code that enforces it, or no test that breaks it", rulesPage, rule)
				continue
			}
			for _, ref := range row[2].code {
				src.checkCode(t, rule, ref)
			}
			for _, ref := range row[3].code {
				src.checkTest(t, rule, ref)
			}
		}
	}
	for group, n := range law {
		for i := range n {
			rule := group + strconv.Itoa(i+1)
			switch in := section[rule]; {
			case in == "":
				t.Errorf("%s has no row for %s", rulesPage, rule)
			case slices.Contains(carried, rule) && (in == "Not yet enforced" || in == "Enforced in part"):
				t.Errorf("%s: %s stands in %q, but it must be enforced", rulesPage, rule, in)
			}
		}
	}
}

// readIntent is deploy/deploy.json as it stands in the work tree.
func readIntent(t *testing.T) *intent.Intent {
	t.Helper()
	data, err := os.ReadFile(intent.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestB4_LanePageHasTheNetworkTable: the page repeats deploy.json, to the letter.
func TestB4_LanePageHasTheNetworkTable(t *testing.T) {
	page, err := os.ReadFile("docs/reference/lane.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := check.NetworkTable(readIntent(t)); !strings.Contains(string(page), "<!-- lane:network -->\n"+table+"<!-- /lane:network -->\n") {
		t.Errorf("docs/reference/lane.md does not have the table\n%s", table)
	}
}

// TestA2_LanePageHasEveryName: the lane's page names what lane/names derives.
func TestA2_LanePageHasEveryName(t *testing.T) {
	n, err := readIntent(t).Names()
	if err != nil {
		t.Fatal(err)
	}
	told := readPage(t, "docs/reference/lane.md").code
	v := reflect.ValueOf(n)
	for i := range v.NumField() {
		if name := v.Field(i).String(); !slices.Contains(told, name) {
			t.Errorf("docs/reference/lane.md does not name %s (%s)", name, v.Type().Field(i).Name)
		}
	}
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
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
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
	case inside && !carries(which, rule), !inside && !carries(strings.TrimPrefix(name, "Test"), rule):
		t.Errorf("%s: %s: the test %q does not carry the rule's number", rulesPage, rule, ref)
	}
}

// carries reports whether the rule is among those that a name begins with:
// "F5_F6_SameImages", "A1 no version".
func carries(name, rule string) bool {
	for {
		end := strings.IndexAny(name, "_ ")
		if end < 0 || !ruleNumber.MatchString(name[:end]) {
			return false
		}
		if name[:end] == rule {
			return true
		}
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
