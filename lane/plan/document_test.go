package plan_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
)

var shopNames = names.Names{Project: "shop", Lane: "v0.1"}

func document(t testing.TB) string {
	hex := strings.Repeat("0123456789abcdef", 4)
	p := plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind, Project: "shop", Lane: "v0.1", SourceCommitID: hex[:40], IntentDigest: "sha256:" + hex,
		Builder: "buildkit v0.34.2", Base: &plan.Base{SourceCommitID: hex[:40], CatalogDigest: "sha256:" + hex},
		Services: []plan.Service{
			{ID: "api", Decision: plan.Build, Identity: "sha256:" + hex, Reasons: []string{"cmd/api/main.go changed"}},
			{ID: "web", Decision: plan.Reuse, Identity: "sha256:" + hex, Reasons: []string{"nothing it reads has changed since 01234567"}},
		},
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestE4_ParseRefusesPlansThatAreNotOurs(t *testing.T) {
	doc := document(t)
	if _, err := plan.Parse("plan.json", []byte(doc), shopNames); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, from, to, want string }{
		{"another kind", `"Plan"`, `"Catalog"`, "not a plan of"},
		{"newer version", "lane.agentrun.dev/v1", "lane.agentrun.dev/v2", "not a plan of"},
		{"exploratory", `"intentDigest"`, `"exploratory": true, "intentDigest"`, "it was made from another intent"},
		{"another lane", `"v0.1"`, `"v0.2"`, "it is a plan of shop v0.2"},
		{"another project", `"shop"`, `"market"`, "it is a plan of market"},
		{"short commit", `"sourceCommitId": "0123456789abcdef0123456789abcdef01234567"`, `"sourceCommitId": "01234567"`, "01234567"},
		{"malformed digest", `"intentDigest": "sha256:`, `"intentDigest": "sha512:`, "is not a sha256 digest"},
		{"malformed base", `"catalogDigest": "sha256:`, `"catalogDigest": "`, "its base is malformed"},
		{"malformed identity", `"identity": "sha256:`, `"identity": "`, `service "api" has the identity`},
		{"unknown decision", `"decision": "build"`, `"decision": "skip"`, `has the decision "skip"`},
		{"out of order", `"id": "web"`, `"id": "aaa"`, `service "aaa" is out of order`},
		{"twice", `"id": "web"`, `"id": "api"`, "stands twice"},
		{"unknown field", `"id": "web"`, `"time": 1, "id": "web"`, "unknown field"},
		{"truncated", "\n}\n", "", "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.ReplaceAll(doc, tt.from, tt.to)
			if changed == doc {
				t.Fatalf("%q is not in the document", tt.from)
			}
			_, err := plan.Parse("plan.json", []byte(changed), shopNames)
			if err == nil || !strings.Contains(err.Error(), tt.want) || fail.CodeOf(err) != fail.Refused {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document(f)))
	f.Add([]byte(`{"apiVersion":"lane.agentrun.dev/v1","kind":"Plan","services":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Parse("plan.json", data, shopNames)
		if err != nil {
			return
		}
		out, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := plan.Parse("plan.json", out, shopNames)
		if err != nil {
			t.Fatalf("canonical bytes are refused: %v\n%s", err, out)
		}
		if out2, _ := again.Encode(); string(out) != string(out2) {
			t.Fatalf("not stable:\n%s\n%s", out, out2)
		}
	})
}
