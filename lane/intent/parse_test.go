package intent_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// shop is a valid intent in which every field stands at least once.
func shop(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/shop.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func findings(t *testing.T, doc string) fail.Findings {
	t.Helper()
	in, err := intent.Parse("deploy/deploy.json", []byte(doc))
	if err == nil {
		t.Fatal("accepted")
	}
	fs, ok := err.(fail.Findings)
	if !ok || in != nil {
		t.Fatalf("error %T %v, want findings and no intent", err, err)
	}
	for _, f := range fs {
		if f.Rule == "" || f.File != "deploy/deploy.json" || f.Why == "" || f.Hint == "" || strings.Contains(f.Why+f.Hint, "\n") {
			t.Errorf("incomplete finding %+v", f)
		}
	}
	return fs
}

func TestParseAcceptsEveryField(t *testing.T) {
	in, err := intent.Parse("deploy/deploy.json", []byte(shop(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Services) != 3 || *in.Services[0].Replicas != 2 || in.Services[1].Home.Env != "MAILER_HOME" {
		t.Errorf("parsed %+v", in)
	}
}

func parse(doc string) (*intent.Intent, error) {
	return intent.Parse("deploy/deploy.json", []byte(doc))
}

func TestD2_RefusesMalformedDocuments(t *testing.T) {
	doc := shop(t)
	for _, tt := range []struct {
		name, doc    string
		line         int
		pointer, why string
	}{
		{"empty", "", 1, "", "not valid JSON"},
		{"truncated", doc[:strings.Index(doc, `"lane"`)+8], 6, "/lane", "not valid JSON"},
		{"not JSON", "project: shop\n", 1, "", "not valid JSON"},
		{"a list", "[]", 1, "", "cannot stand here"},
		{"null", "null", 1, "", "null says nothing"},
		{"unknown field", strings.Replace(doc, `"project"`, `"projcet": "x", "project"`, 1), 5, "/projcet", `unknown field "projcet"`},
		{"field in other letters", strings.Replace(doc, `"project"`, `"Project"`, 1), 5, "/Project", `unknown field "Project"`},
		{"duplicate key", strings.Replace(doc, `"lane"`, `"project"`, 1), 6, "/project", `the key "project" stands twice`},
		{"trailing data", doc + "{}", 0, "", "not valid JSON"},
		{"byte order mark", "\xef\xbb\xbf" + doc, 1, "", "byte order mark"},
		{"not UTF-8", strings.Replace(doc, "good day", "good \xff", 1), 0, "", "not UTF-8"},
		{"10 MB", strings.Replace(doc, "good day", strings.Repeat("x", 10<<20), 1), 0, "", "the limit is"},
		{"nested 10,000 deep", strings.Replace(doc, `"good day"`, strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), 1), 0, "", "nested deeper"},
		{"wrong type", strings.Replace(doc, `"replicas": 2`, `"replicas": "2"`, 1), 0, "/services/0/replicas", "a string cannot stand here"},
		{"a number of parts", strings.Replace(doc, `"replicas": 2`, `"replicas": 2.5`, 1), 0, "/services/0/replicas", "cannot stand here"},
		{"missing field", strings.Replace(doc, `"enabled": true,`, ``, 1), 0, "/services/0", `the field "enabled" is missing`},
		{"null in a field", strings.Replace(doc, `"replicas": 2`, `"replicas": null`, 1), 0, "/services/0/replicas", "null says nothing"},
		{"newer version", strings.Replace(doc, "agentrun.dev/v1", "agentrun.dev/v2", 1), 3, "/apiVersion", "not a version this lane reads"},
		{"another kind", strings.Replace(doc, `"Intent"`, `"Catalog"`, 1), 4, "/kind", "not the kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := findings(t, tt.doc)
			for _, f := range fs {
				if f.Rule == "D2" && f.Pointer == tt.pointer && strings.Contains(f.Why, tt.why) && (tt.line == 0 || f.Line == tt.line) {
					return
				}
			}
			t.Errorf("got %v", fs)
		})
	}
}
