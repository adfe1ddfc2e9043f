package publish_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/lane/publish"
)

func TestF1_SchemaAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, publish.Schema(), publish.Published{})
}

func TestF3_SchemaRefusesMalformedResults(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	p := publish.Published{
		APIVersion: publish.APIVersion, Kind: publish.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: hex[:40],
		Services: []publish.Service{{
			ServiceID: "api", ComponentIdentity: "sha256:" + hex,
			Image: publish.Image{Repository: "shop/api", Tag: hex[:40], Digest: "sha256:" + hex, MediaType: publish.MediaType},
		}},
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	schema := schematest.Compile(t, publish.Schema())
	if err := schematest.Valid(t, schema, data); err != nil {
		t.Fatalf("a valid result: %v", err)
	}
	for name, r := range map[string][2]string{
		"unknown field":  {`"lane"`, `"time": 1, "lane"`},
		"missing field":  {`"lane": "v0.3",`, ``},
		"a short tag":    {`"tag": "` + hex[:40], `"tag": "` + hex[:12]},
		"no digest":      {`"digest": "sha256:`, `"digest": "`},
		"an OCI image":   {`docker.distribution.manifest.v2`, `oci.image.manifest.v1`},
		"another kind":   {`"Published"`, `"Catalog"`},
		"newer version":  {`/v1"`, `/v2"`},
		"no list at all": {`"services": [`, `"services": {}, "x": [`},
	} {
		doc := strings.ReplaceAll(string(data), r[0], r[1])
		if doc == string(data) || schematest.Valid(t, schema, []byte(doc)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
