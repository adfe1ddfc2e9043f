package intent_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/lane/intent"
)

func TestD1_SchemaAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, intent.Schema(), intent.Intent{})
}

func TestD1_PublishedSchemaIsTheSame(t *testing.T) {
	published, err := os.ReadFile("../../deploy/deploy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(published) != string(intent.Schema()) {
		t.Error("deploy/deploy.schema.json is not lane/intent/schema.json: copy it")
	}
}

// What the form alone makes wrong is wrong for editors too.
func TestD2_SchemaRefusesWhatParseRefuses(t *testing.T) {
	schema := schematest.Compile(t, intent.Schema())
	if err := schematest.Valid(t, schema, []byte(shop(t))); err != nil {
		t.Fatalf("the valid intent: %v", err)
	}
	for _, e := range []struct{ name, from, to string }{
		{"unknown field", `"replicas": 2`, `"replicsa": 2`},
		{"unknown field at the top", `"project"`, `"x": 1, "project"`},
		{"nodePort", `"port": 9090`, `"port": 9090, "nodePort": 30080`},
		{"hostNetwork", `"replicas": 2`, `"hostNetwork": true`},
		{"image", `"replicas": 2`, `"image": "x"`},
		{"missing field", `"enabled": true,`, ``},
		{"null", `"replicas": 2`, `"replicas": null`},
		{"wrong type", `"replicas": 2`, `"replicas": "2"`},
		{"newer version", "agentrun.dev/v1", "agentrun.dev/v2"},
		{"another kind", `"Intent"`, `"Catalog"`},
		{"negative replicas", `"replicas": 2`, `"replicas": -1`},
		{"privileged port", `"port": 9090`, `"port": 80`},
		{"another service kind", `"kind": "jobTemplate"`, `"kind": "cronJob"`},
		{"wrong quantity", `"cpu": "50m"`, `"cpu": "50 millis"`},
		{"wrong id", `"id": "web"`, `"id": "Web"`},
		{"build of nothing", `{ "go": "./cmd/api" }`, `{}`},
		{"inputs without a Dockerfile", `{ "go": "./cmd/api" }`, `{ "go": "./cmd/api", "inputs": ["a"] }`},
		{"Dockerfile without inputs", `, "inputs": ["web/static/**"]`, ``},
		{"build of an absolute path", `"./cmd/api"`, `"/cmd/api"`},
		{"variable without a source", `, "releaseRef": "lane"`, ``},
		{"variable of two sources", `"releaseRef": "lane"`, `"releaseRef": "lane", "value": "x"`},
		{"volume without a source", `"mountPath": "/etc/shop", "configMap": "settings"`, `"mountPath": "/etc/shop"`},
		{"flow to two", `"dns": true }, { "cidr": "10.0.7.0/24"`, `"dns": true, "service": "web" }, { "cidr": "10.0.7.0/24"`},
		{"DNS to a service", `{ "service": "web", "ports": [8080] }`, `{ "dns": true }`},
		{"wildcard verb", `"delete"]`, `"*"]`},
		{"escalate", `"delete"]`, `"escalate"]`},
		{"replicas of a job template", `"home": {`, `"replicas": 1, "home": {`},
		{"job of a deployment", `"replicas": 2`, `"job": {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 1}`},
		{"health without ports", `"ports": [{ "name": "http", "port": 8080 }, { "name": "metrics", "port": 9090 }],`, ``},
		{"no service", `"services": [`, `"services": [], "x": [`},
		{"duplicate key of a Secret", `"keys": ["DATABASE_URL"]`, `"keys": ["DATABASE_URL", "DATABASE_URL"]`},
		{"registry with a scheme", `"127.0.0.1:5000"`, `"http://127.0.0.1:5000"`},
		{"proxy with a user", `"http://127.0.0.1:10808"`, `"http://me@127.0.0.1:10808"`},
		{"profile outside its folder", `"lane/buildkit.json"`, `"../buildkit.json"`},
		{"profile of another form", `"lane/buildkit.json"`, `"lane/buildkit.yaml"`},
		{"access mode", `"ReadWriteOnce"`, `"ReadWrite"`},
	} {
		t.Run(e.name, func(t *testing.T) {
			doc := strings.Replace(shop(t), e.from, e.to, 1)
			if doc == shop(t) {
				t.Fatalf("%q is not in the document", e.from)
			}
			findings(t, doc)
			if schematest.Valid(t, schema, []byte(doc)) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// Every field of the format stands in the valid example, so that what the tests
// say of the example they say of all fields.
func TestExampleHoldsEveryField(t *testing.T) {
	var schema struct {
		Properties map[string]any                                 `json:"properties"`
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(intent.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, def := range schema.Defs {
		for name := range def.Properties {
			schema.Properties[name] = nil
		}
	}
	for name := range schema.Properties {
		if !strings.Contains(shop(t), `"`+name+`":`) {
			t.Errorf("field %q does not stand in the example", name)
		}
	}
}
