package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
)

var (
	commitA = strings.Repeat("a", 40)
	commitB = strings.Repeat("b", 40)
	digest1 = "sha256:" + strings.Repeat("1", 64)
	digest2 = "sha256:" + strings.Repeat("2", 64)
	digest3 = "sha256:" + strings.Repeat("3", 64)
)

func shop(t testing.TB) names.Names {
	t.Helper()
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func planOf(commit string, services ...plan.Service) *plan.Plan {
	return &plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: commit,
		IntentDigest: digest3, Base: &plan.Base{SourceCommitID: commitA, CatalogDigest: digest3}, Services: services,
	}
}

func publishedOf(n names.Names, commit, digest string, services ...plan.Service) *publish.Published {
	p := &publish.Published{APIVersion: publish.APIVersion, Kind: publish.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: commit}
	for _, s := range services {
		p.Services = append(p.Services, publish.Service{
			ServiceID: s.ID, ComponentIdentity: s.Identity,
			Image: publish.Image{Repository: n.Repository(s.ID), Tag: commit, Digest: digest, MediaType: publish.MediaType},
		})
	}
	return p
}

// release is a catalog of two services, as a first release makes it.
func release(t testing.TB) (names.Names, *catalog.Catalog) {
	t.Helper()
	n := shop(t)
	api := plan.Service{ID: "api", Decision: plan.Build, Identity: digest1}
	web := plan.Service{ID: "web", Decision: plan.Build, Identity: digest2}
	c, err := catalog.Next(catalog.Empty(n, commitA, digest3), n, planOf(commitA, api, web), publishedOf(n, commitA, digest1, api, web))
	if err != nil {
		t.Fatal(err)
	}
	c.RenderDigest = digest2
	return n, c
}

func TestB6_F4_RecordsWhereEachImageComesFrom(t *testing.T) {
	n, first := release(t)
	api := plan.Service{ID: "api", Decision: plan.Build, Identity: digest3}
	web := plan.Service{ID: "web", Decision: plan.Reuse, Identity: digest2}
	got, err := catalog.Next(first, n, planOf(commitB, api, web), publishedOf(n, commitB, digest3, api))
	if err != nil {
		t.Fatal(err)
	}
	want := &catalog.Catalog{
		APIVersion: "lane.agentrun.dev/v1", Kind: "Catalog", Project: "shop", Lane: "v0.3",
		SourceBranch: "v0.3", GitopsBranch: "v0.3-gitops", SourceCommitID: commitB, IntentDigest: digest3,
		Services: []catalog.Service{
			{
				ServiceID: "api", Status: "published", SourceCommitID: commitB, ComponentIdentity: digest3,
				Image: catalog.Image{Repository: "shop/api", Tag: commitB, Digest: digest3, MediaType: publish.MediaType},
			},
			{
				ServiceID: "web", Status: "reused", SourceCommitID: commitA, ComponentIdentity: digest2,
				Image: catalog.Image{Repository: "shop/web", Tag: commitA, Digest: digest1, MediaType: publish.MediaType},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A release that is made again changes nothing, so its services keep their status.
func TestNextIsIdempotent(t *testing.T) {
	n, first := release(t)
	api := plan.Service{ID: "api", Decision: plan.Reuse, Identity: digest1}
	web := plan.Service{ID: "web", Decision: plan.Reuse, Identity: digest2}
	again, err := catalog.Next(first, n, planOf(commitA, api, web), publishedOf(n, commitA, digest1))
	if err != nil {
		t.Fatal(err)
	}
	again.RenderDigest = first.RenderDigest
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}

// A service that was built although the catalog has its very image meanwhile
// keeps its entry, and so its pods.
func TestNextKeepsTheSameImage(t *testing.T) {
	n, first := release(t)
	api := plan.Service{ID: "api", Decision: plan.Build, Identity: digest1}
	web := plan.Service{ID: "web", Decision: plan.Reuse, Identity: digest2}
	got, err := catalog.Next(first, n, planOf(commitB, api, web), publishedOf(n, commitB, digest1, api))
	if err != nil {
		t.Fatal(err)
	}
	was, _ := first.Service("api")
	was.Status = catalog.Reused
	if now, _ := got.Service("api"); now != was {
		t.Errorf("got %+v, want %+v", now, was)
	}
}

func TestF4_NextRefuses(t *testing.T) {
	n, first := release(t)
	build := plan.Service{ID: "api", Decision: plan.Build, Identity: digest3}
	reuse := plan.Service{ID: "api", Decision: plan.Reuse, Identity: digest1}
	tests := []struct {
		name string
		plan *plan.Plan
		pub  *publish.Published
		code fail.Code
		why  string
	}{
		{"not published", planOf(commitB, build), publishedOf(n, commitB, digest1), fail.Refused, "not among the published images"},
		{"published unplanned", planOf(commitB), publishedOf(n, commitB, digest1, build), fail.Refused, "published without being planned: api"},
		{"published though reused", planOf(commitB, reuse), publishedOf(n, commitB, digest1, reuse), fail.Refused, "although the plan reuses it"},
		{"another identity", planOf(commitB, build), publishedOf(n, commitB, digest1, plan.Service{ID: "api", Identity: digest1}), fail.Refused, "was published with the identity"},
		{"another commit", planOf(commitB, build), publishedOf(n, commitA, digest1, build), fail.Refused, "the published images are of"},
		{"catalog moved on", planOf(commitB, plan.Service{ID: "api", Decision: plan.Reuse, Identity: digest3}), publishedOf(n, commitB, digest1), fail.Stale, "moved on since the plan"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := catalog.Next(first, n, tt.plan, tt.pub)
			if fail.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.why) || fail.HintOf(err) == "" {
				t.Errorf("got %v, want code %d saying %q", err, tt.code, tt.why)
			}
		})
	}
}

func TestC5_ParseRefuses(t *testing.T) {
	n, c := release(t)
	good, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Parse("catalog", good, n); err != nil {
		t.Fatalf("the catalog itself is refused: %v", err)
	}
	edit := func(f func(c *catalog.Catalog)) []byte {
		_, c := release(t)
		f(c)
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	tests := []struct {
		name string
		data []byte
		rule string
		why  string
	}{
		{"empty", nil, "C5", "not valid JSON"},
		{"truncated", good[:len(good)/2], "C5", "not valid JSON"},
		{"unknown field", []byte(strings.Replace(string(good), `"kind"`, `"note": "x", "kind"`, 1)), "C5", `unknown field "note"`},
		{"not canonical", []byte(strings.Replace(string(good), "\n", "\n\n", 1)), "C5", "not in canonical form"},
		{"newer version", edit(func(c *catalog.Catalog) { c.APIVersion = "lane.agentrun.dev/v2" }), "C5", "apiVersion"},
		{"another kind", edit(func(c *catalog.Catalog) { c.Kind = "Plan" }), "C5", "kind"},
		{"another project", edit(func(c *catalog.Catalog) { c.Project = "other" }), "C5", "project"},
		{"another lane", edit(func(c *catalog.Catalog) { c.Lane = "v0.4" }), "C5", `lane is "v0.4"`},
		{"another branch", edit(func(c *catalog.Catalog) { c.GitopsBranch = "master" }), "C5", "gitopsBranch"},
		{"short commit", edit(func(c *catalog.Catalog) { c.SourceCommitID = "aaaaaaa" }), "C5", "not a full commit id"},
		{"services missing", []byte(strings.ReplaceAll(string(empty(t, n)), ",\n  \"services\": []", "")), "C5", "services is missing"},
		{"service twice", edit(func(c *catalog.Catalog) { c.Services[1] = c.Services[0] }), "C5", "out of order or stands twice"},
		{"malformed digest", edit(func(c *catalog.Catalog) { c.Services[0].Image.Digest = "sha256:xyz" }), "C5", "is not a sha256 digest"},
		{"malformed identity", edit(func(c *catalog.Catalog) { c.Services[0].ComponentIdentity = "" }), "C5", "componentIdentity"},
		{"foreign repository", edit(func(c *catalog.Catalog) { c.Services[0].Image.Repository = "other/api" }), "C5", "image.repository"},
		{"wrong status", edit(func(c *catalog.Catalog) { c.Services[0].Status = "reused" }), "C5", "status"},
		{"F1 tag is not the commit", edit(func(c *catalog.Catalog) { c.Services[0].Image.Tag = "latest" }), "F1", "image.tag"},
		{"F3 not schema2", edit(func(c *catalog.Catalog) {
			c.Services[0].Image.MediaType = "application/vnd.oci.image.manifest.v1+json"
		}), "F3", "image.mediaType"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := catalog.Parse("catalog", tt.data, n)
			if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), tt.why) || fail.RuleOf(err) != tt.rule {
				t.Errorf("got %v, want a refusal by %s saying %q", err, tt.rule, tt.why)
			}
		})
	}
}

// empty is the first catalog of a lane.
func empty(t testing.TB, n names.Names) []byte {
	t.Helper()
	c := catalog.Empty(n, commitA, digest3)
	c.RenderDigest = digest1
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFirstCatalogIsValid(t *testing.T) {
	n := shop(t)
	c, err := catalog.Parse("catalog", empty(t, n), n)
	if err != nil || len(c.Services) != 0 {
		t.Fatalf("got %v, %v", c, err)
	}
}

func FuzzParse(f *testing.F) {
	n, c := release(f)
	good, err := c.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"services":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := catalog.Parse("catalog", data, n)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil || string(again) != string(data) {
			t.Fatalf("accepted bytes are not canonical: %v", err)
		}
		if canon.Digest(again) == "" {
			t.Fatal("no digest")
		}
	})
}
