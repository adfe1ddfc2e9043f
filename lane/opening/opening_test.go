package opening_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/opening"
)

func namesOf(t interface{ Fatal(...any) }, lane string) names.Names {
	n, err := names.For("shop", lane, names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestA4_RenamesWholeNamesOnly(t *testing.T) {
	from, to := namesOf(t, "v0.3"), namesOf(t, "v0.10")
	for text, want := range map[string]string{
		"shop-v03-mail":                       "shop-v010-mail",
		"api.shop-v03.svc":                    "api.shop-v010.svc",
		"my-shop-v03 shop-v030 shop-v03x":     "my-shop-v03 shop-v030 shop-v03x",
		"postgres://h/shop_v03":               "postgres://h/shop_v010",
		"shop-k7-v03":                         "shop-k7-v010",
		"v0.3-gitops":                         "v0.10-gitops",
		"deploy/artifact-catalog.v03.json":    "deploy/artifact-catalog.v010.json",
		"deploy/gitops/k7/runtime-v03/x.yaml": "deploy/gitops/k7/runtime-v010/x.yaml",
		"v0.3 of something else":              "v0.3 of something else",
	} {
		if got := string(opening.Rename(from, to, []byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestA4_ChangesIntentAndPages(t *testing.T) {
	data, err := os.ReadFile("../../examples/shop/" + intent.Path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := opening.Of(namesOf(t, "v0.3"), namesOf(t, "v0.4"), map[string][]byte{
		intent.Path:              data,
		"docs/reference/lane.md": []byte("| lane | `v0.3` | v0.3.1 |\nbranch `v0.3`, its `v0.3-gitops`\nlibrary v0.3\n"),
		"README.md":              []byte("kubectl -n shop-v03 get pods\n"),
		"NEWS.md":                []byte("v0.3 is out\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, c.Files[intent.Path])
	if err != nil {
		t.Fatal(err)
	}
	if in.Lane != "v0.4" || in.SecretRefs[0].Name != "shop-v04-mail" {
		t.Errorf("lane %s, Secret %s", in.Lane, in.SecretRefs[0].Name)
	}
	want := "| lane | `v0.4` | v0.3.1 |\nbranch `v0.4`, its `v0.4-gitops`\nlibrary v0.3\n"
	if diff := cmp.Diff(want, string(c.Files["docs/reference/lane.md"])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"README.md"}, c.Left); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(c.Patch), "\n+  \"lane\": \"v0.4\",\n") {
		t.Errorf("the patch:\n%s", c.Patch)
	}
}

func TestA1_RefusesAnotherLanesIntent(t *testing.T) {
	data, err := os.ReadFile("../../examples/shop/" + intent.Path)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(data), `"project": "shop"`, `"project": "mart"`, 1)
	if _, err := opening.Of(namesOf(t, "v0.3"), namesOf(t, "v0.4"), map[string][]byte{intent.Path: []byte(other)}); fail.RuleOf(err) != "A1" {
		t.Errorf("%v", err)
	}
	if _, err := opening.Of(namesOf(t, "v0.3"), namesOf(t, "v0.4"), nil); fail.RuleOf(err) != "D1" {
		t.Errorf("%v", err)
	}
}

// TestA4_ThereAndBack: renaming to a lane that the text does not name, and back, gives
// the text again, and between them nothing names the first lane.
func TestA4_ThereAndBack(t *testing.T) {
	from, to := namesOf(t, "v0.3"), namesOf(t, "v7.12")
	piece := rapid.SampledFrom([]string{from.RuntimeNamespace, from.Database, from.ArgoApplication, from.GitopsBranch, from.RuntimePath, from.ArtifactCatalog, from.Lane, "-", ".", "_", "/", " ", "a", "0", "\n"})
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOf(piece).Draw(t, "text"), ""))
		there := opening.Rename(from, to, text)
		if opening.Names(from, there) {
			t.Fatalf("%q still names the lane", there)
		}
		if back := opening.Rename(to, from, there); string(back) != string(text) {
			t.Fatalf("%q came back as %q", text, back)
		}
	})
}

// FuzzRename: whatever a document has, no whole name of the lane is left, nothing else
// changes, and the way back leads to the same bytes when it had none of the other lane.
func FuzzRename(f *testing.F) {
	from, to := namesOf(f, "v0.3"), namesOf(f, "v0.10")
	for _, text := range []string{"shop-v03-mail", "my-shop-v03 shop-v030", "shop_v03shop_v03", "shop-v03.shop-k7-v03/v0.3-gitops", "runtime-v03\xff", "a v0.3 b v0.3.1", "v0.3."} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		renamed := opening.Rename(from, to, text)
		if opening.Names(from, renamed) {
			t.Errorf("%q still names the lane: %q", text, renamed)
		}
		if !opening.Names(from, text) && !bytes.Equal(renamed, text) {
			t.Errorf("%q names no lane, and becomes %q", text, renamed)
		}
		if !opening.Names(to, text) && !bytes.Equal(opening.Rename(to, from, renamed), text) {
			t.Errorf("%q does not come back from %q", text, renamed)
		}
	})
}

// FuzzOf: of any intent and page there is a change or an error, and the change's intent
// is the next lane's.
func FuzzOf(f *testing.F) {
	data, err := os.ReadFile("../../examples/shop/" + intent.Path)
	if err != nil {
		f.Fatal(err)
	}
	from, to := namesOf(f, "v0.3"), namesOf(f, "v0.4")
	f.Add(data, []byte("| lane | `v0.3` |\n"))
	f.Add([]byte(`{"lane":"v0.3"}`), []byte("\r\nshop-v03"))
	f.Fuzz(func(t *testing.T, in, page []byte) {
		c, err := opening.Of(from, to, map[string][]byte{intent.Path: in, "docs/reference/lane.md": page})
		if err != nil {
			return
		}
		next, err := intent.Parse(intent.Path, c.Files[intent.Path])
		if err != nil {
			t.Fatal(err)
		}
		if n, err := next.Names(); err != nil || n != to {
			t.Errorf("%+v, %v", n, err)
		}
	})
}
