package plan_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/lane/plan"
)

func TestE4_SchemaAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, plan.Schema(), plan.Plan{})
}

func TestE4_SchemaRefusesMalformedPlans(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	p := plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: hex[:40], IntentDigest: "sha256:" + hex,
		Builder: "buildkit v0.34.2", Base: &plan.Base{SourceCommitID: hex[:40], CatalogDigest: "sha256:" + hex},
		Services: []plan.Service{{ID: "api", Decision: plan.Build, Identity: "sha256:" + hex, Reasons: []string{"cmd/api/main.go changed"}}},
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	schema := schematest.Compile(t, plan.Schema())
	if err := schematest.Valid(t, schema, data); err != nil {
		t.Fatalf("a valid plan: %v", err)
	}
	for name, r := range map[string][2]string{
		"unknown field":      {`"lane"`, `"time": 1, "lane"`},
		"missing field":      {`"lane": "v0.3",`, ``},
		"another kind":       {`"Plan"`, `"Published"`},
		"malformed identity": {`"sha256:`, `"md5:`},
		"unknown decision":   {`"build"`, `"skip"`},
	} {
		doc := strings.ReplaceAll(string(data), r[0], r[1])
		if doc == string(data) || schematest.Valid(t, schema, []byte(doc)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
