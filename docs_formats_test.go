package agentrun_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/verify"
)

// parsers are those that the stages themselves use, and the types behind them.
var parsers = map[string]struct {
	page  string
	of    reflect.Type
	parse func(where string, data []byte, n names.Names) error
}{
	intent.Kind: {"docs/formats/intent.md", reflect.TypeFor[intent.Intent](), func(where string, data []byte, _ names.Names) error {
		_, err := intent.Parse(where, data)
		return err
	}},
	plan.Kind: {"docs/formats/plan.md", reflect.TypeFor[plan.Plan](), func(where string, data []byte, n names.Names) error {
		_, err := plan.Parse(where, data, n)
		return err
	}},
	publish.Kind: {"docs/formats/published.md", reflect.TypeFor[publish.Published](), func(where string, data []byte, n names.Names) error {
		_, err := publish.Parse(where, data, n)
		return err
	}},
	catalog.Kind: {"docs/formats/catalog.md", reflect.TypeFor[catalog.Catalog](), func(where string, data []byte, n names.Names) error {
		_, err := catalog.Parse(where, data, n)
		return err
	}},
	metadata.HoldKind: {"docs/formats/hold.md", reflect.TypeFor[metadata.Hold](), func(where string, data []byte, n names.Names) error {
		_, err := metadata.ParseHold(where, data, n)
		return err
	}},
	metadata.HotfixKind: {"docs/formats/hotfix.md", reflect.TypeFor[metadata.Hotfix](), func(_ string, data []byte, n names.Names) error {
		_, err := metadata.ParseHotfix(metadata.HotfixPath(n, "hotfix"), data, n)
		return err
	}},
	verify.Kind: {"docs/formats/verdict.md", reflect.TypeFor[verify.Verdict](), func(where string, data []byte, _ names.Names) error {
		_, err := verify.Parse(where, data)
		return err
	}},
}

// TestDocsFormatsParse: every JSON example is a document that its stage takes.
func TestDocsFormatsParse(t *testing.T) {
	var n names.Names
	for _, f := range readPage(t, "docs/formats/intent.md").fences {
		if f.info == "json" {
			in, err := intent.Parse("docs/formats/intent.md", []byte(f.text))
			if err != nil {
				t.Fatal(err)
			}
			if n, err = in.Names(); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range pages(t) {
		if !strings.HasPrefix(p.path, "docs/formats/") {
			continue
		}
		for _, f := range p.fences {
			if f.info != "json" {
				continue
			}
			var head struct{ Kind string }
			if err := json.Unmarshal([]byte(f.text), &head); err != nil {
				t.Errorf("%s:%d: %v", p.path, f.line, err)
				continue
			}
			parser, ok := parsers[head.Kind]
			if !ok || parser.page != p.path {
				t.Errorf("%s:%d: a document of the kind %q does not belong here", p.path, f.line, head.Kind)
				continue
			}
			seen[head.Kind] = true
			if err := parser.parse(p.path, []byte(f.text), n); err != nil {
				t.Errorf("%s:%d: the example is refused: %v", p.path, f.line, err)
			}
		}
	}
	for kind, parser := range parsers {
		if !seen[kind] {
			t.Errorf("%s has no example of a %s", parser.page, kind)
		}
	}
}

// TestDocsGitopsCommit: the examples have each trailer once, and the page explains it.
func TestDocsGitopsCommit(t *testing.T) {
	p := readPage(t, "docs/formats/gitops-commit.md")
	var got []string
	for _, f := range p.fences {
		for _, trailer := range git.Trailers(f.text) {
			got = append(got, trailer.Key)
		}
	}
	want := []string{
		promote.TrailerSource, promote.TrailerIntent, promote.TrailerRender, promote.TrailerRun, promote.TrailerTaskRuns,
		promote.TrailerPromotion, promote.TrailerBy,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the examples have the trailers %q, lane writes %q", got, want)
	}
	for _, key := range append(want, promote.TrailerRollback) {
		if !slices.Contains(p.code, key) {
			t.Errorf("%s does not explain %s", p.path, key)
		}
	}
}

// TestDocsFormatsNameEveryField: a field that a document may have is explained.
func TestDocsFormatsNameEveryField(t *testing.T) {
	for kind, parser := range parsers {
		code := readPage(t, parser.page).code
		for _, field := range fields(parser.of, map[reflect.Type]bool{}) {
			if field != "apiVersion" && field != "kind" && !slices.Contains(code, field) {
				t.Errorf("%s does not explain the field %s of a %s", parser.page, field, kind)
			}
		}
	}
}

// fields are the JSON names below a type.
func fields(of reflect.Type, seen map[reflect.Type]bool) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || seen[of] {
		return nil
	}
	seen[of] = true
	var all []string
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = append(all, name)
		}
		all = append(all, fields(f.Type, seen)...)
	}
	return all
}
