package catalog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/plan"
)

func TestF6_AGenerationIsCarriedAndNoInputOfAnything(t *testing.T) {
	n, first := release(t)
	before, err := first.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(before, []byte("generation")) {
		t.Errorf("a catalog without one has the field: %s", before)
	}
	r := catalog.Restart{Services: []string{"api"}, Generation: catalog.NewGeneration()}
	c, err := first.Restarted(r)
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := first.Encode(); !bytes.Equal(before, after) || c.RenderDigest != "" {
		t.Error("the catalog of before changed, or the render's digest was kept")
	}
	c.RenderDigest = digest2
	want := *first
	want.Services = append([]catalog.Service(nil), first.Services...)
	want.Services[0].Generation = r.Generation
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := catalog.Parse("catalog", data, n)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, read); diff != "" {
		t.Error(diff)
	}
	// The next release builds the one and reuses the other: both keep it.
	c, err = c.Restarted(catalog.Restart{Services: []string{"web"}, Generation: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	api := plan.Service{ID: "api", Decision: plan.Build, Identity: digest3}
	web := plan.Service{ID: "web", Decision: plan.Reuse, Identity: digest2}
	next, err := catalog.Next(c, n, planOf(commitB, api, web), publishedOf(n, commitB, digest3, api))
	if err != nil {
		t.Fatal(err)
	}
	if next.Services[0].Generation != r.Generation || next.Services[1].Generation != "0123456789abcdef" || next.Services[1].ComponentIdentity != digest2 {
		t.Errorf("got %+v", next.Services)
	}
	_, err = first.Restarted(catalog.Restart{Services: []string{"nobody"}, Generation: "0123456789abcdef"})
	if fail.RuleOf(err) != "F4" {
		t.Errorf("an unknown service: %v", err)
	}
}

func TestC5_RefusesGenerationsThatAreNone(t *testing.T) {
	n, c := release(t)
	c, err := c.Restarted(catalog.Restart{Services: []string{"api"}, Generation: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	c.RenderDigest = digest1
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`""`, `null`, `"0123456789ABCDEF"`, `"0123456789abcde"`, `1`, `"0123456789abcdef\n"`, `{}`} {
		doc := strings.Replace(string(data), `"0123456789abcdef"`, bad, 1)
		if _, err := catalog.Parse("catalog", []byte(doc), n); fail.RuleOf(err) != "C5" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestParseRestart(t *testing.T) {
	r, err := catalog.ParseRestart("0123456789abcdef=api,web")
	if err != nil || r.String() != "0123456789abcdef=api,web" {
		t.Errorf("%+v: %v", r, err)
	}
	for _, bad := range []string{"", "=0123456789abcdef", "api", "api=", "api=0123", "0123456789abcdef=web,api", "0123456789abcdef=api,api", "0123456789abcdef=api,", "0123456789abcdef=a b", "0123456789abcdef=api=", "0123456789abcdef=api\n"} {
		if _, err := catalog.ParseRestart(bad); fail.CodeOf(err) != fail.Usage || fail.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseRestart(f *testing.F) {
	f.Add("0123456789abcdef=api,web")
	f.Add("=")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := catalog.ParseRestart(text)
		if err == nil && r.String() != text {
			t.Fatalf("%q reads as %q", text, r)
		}
	})
}
