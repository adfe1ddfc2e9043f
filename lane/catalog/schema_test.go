package catalog_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/lane/catalog"
)

func TestF4_SchemaAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, catalog.Schema(), catalog.Catalog{})
}

func TestF4_SchemaRefusesMalformedCatalogs(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	c := catalog.Catalog{
		APIVersion: catalog.APIVersion, Kind: catalog.Kind, Project: "shop", Lane: "v0.3", SourceBranch: "v0.3", GitopsBranch: "v0.3-gitops",
		SourceCommitID: hex[:40], IntentDigest: "sha256:" + hex, RenderDigest: "sha256:" + hex,
		Services: []catalog.Service{{
			ServiceID: "api", Status: catalog.Published, SourceCommitID: hex[:40], ComponentIdentity: "sha256:" + hex,
			Image: catalog.Image{Repository: "shop/api", Tag: hex[:40], Digest: "sha256:" + hex, MediaType: "application/vnd.docker.distribution.manifest.v2+json"},
		}},
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	schema := schematest.Compile(t, catalog.Schema())
	if err := schematest.Valid(t, schema, data); err != nil {
		t.Fatalf("a valid catalog: %v", err)
	}
	for name, r := range map[string][2]string{
		"unknown field":    {`"lane"`, `"time": 1, "lane"`},
		"missing field":    {`"lane": "v0.3",`, ``},
		"newer version":    {`/v1"`, `/v2"`},
		"malformed digest": {`"sha256:`, `"md5:`},
		"a short commit":   {hex[:40], hex[:12]},
		"unknown status":   {`"published"`, `"built"`},
		"an index":         {`docker.distribution.manifest.v2`, `oci.image.index.v1`},
	} {
		doc := strings.ReplaceAll(string(data), r[0], r[1])
		if doc == string(data) || schematest.Valid(t, schema, []byte(doc)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
