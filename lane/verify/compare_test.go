package verify_test

import (
	"encoding/json"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/verify"
)

func TestDifferences(t *testing.T) {
	tests := []struct{ name, wanted, live, paths string }{
		{"what only live has", `{spec: {a: 1}}`, `{spec: {a: 1, b: 2}, status: {c: 3}}`, `[]`},
		{"a value", `{spec: {a: 1}}`, `{spec: {a: 2}}`, `[spec.a]`},
		{"a number in another type", `{spec: {a: 1}}`, `{spec: {a: 1.0}}`, `[]`},
		{"what is missing", `{spec: {a: x}}`, `{spec: {}}`, `[spec.a]`},
		{"what is empty may be missing", `{spec: {a: "", b: {}, c: [], d: false, e: 0, f: {g: ""}, h: null}}`, `{spec: {}}`, `[]`},
		{"but not be another", `{spec: {d: false}}`, `{spec: {d: true}}`, `[spec.d]`},
		{"quantities", `{spec: {limits: {cpu: 1000m, memory: 1024Mi}}}`, `{spec: {limits: {cpu: "1", memory: 1Gi}}}`, `[]`},
		{"another quantity", `{spec: {limits: {cpu: 1000m}}}`, `{spec: {limits: {cpu: "2"}}}`, `[spec.limits.cpu]`},
		{"a quantity only where one stands", `{spec: {x: 1000m}}`, `{spec: {x: "1"}}`, `[spec.x]`},
		{"timeouts", `{spec: {timeouts: {pipeline: 1h30m}}}`, `{spec: {timeouts: {pipeline: 1h30m0s}}}`, `[]`},
		{"lists by name, in any order", `{spec: {env: [{name: A, value: x}, {name: B, value: y}]}}`, `{spec: {env: [{name: B, value: y}, {name: A, value: x}]}}`, `[]`},
		{"one item more", `{spec: {env: [{name: A}]}}`, `{spec: {env: [{name: A}, {name: B}]}}`, `["spec.env[B]"]`},
		{"one item less", `{spec: {env: [{name: A, value: x}, {name: B, value: y}]}}`, `{spec: {env: [{name: A, value: x}]}}`, `["spec.env[B]"]`},
		{"plain lists by place", `{spec: {args: [a, b]}}`, `{spec: {args: [b, a, c]}}`, `["spec.args[0]", "spec.args[1]", "spec.args[2]"]`},
		{"labels with dots", `{metadata: {labels: {a.b/c: x}}}`, `{metadata: {labels: {a.b/c: y}}}`, `["metadata.labels[a.b/c]"]`},
		{"the marks of Argo CD", `{metadata: {annotations: {a: x}}}`, `{metadata: {annotations: {a: x, argocd.argoproj.io/tracking-id: y}}}`, `[]`},
		{"one key more of a ConfigMap", `{kind: ConfigMap, data: {a: x}}`, `{kind: ConfigMap, data: {a: x, b: y}}`, `["data[b]"]`},
		{"another type", `{spec: {a: {b: 1}}}`, `{spec: {a: [1]}}`, `[spec.a]`},
	}
	for _, tt := range tests {
		var wanted, live verify.Object
		var want []string
		for text, into := range map[string]any{tt.wanted: &wanted, tt.live: &live, tt.paths: &want} {
			data, err := yaml.YAMLToJSON([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, into); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, d := range verify.Differences(wanted, live) {
			got = append(got, d.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
}

func TestParseReference(t *testing.T) {
	d := apiImage
	for s, want := range map[string]verify.Reference{
		"127.0.0.1:5000/shop/api@" + d:                   {Registry: "127.0.0.1:5000", Repository: "shop/api", Digest: d},
		"docker-pullable://127.0.0.1:5000/shop/api@" + d: {Registry: "127.0.0.1:5000", Repository: "shop/api", Digest: d},
		"127.0.0.1:5000/shop/api:latest":                 {Registry: "127.0.0.1:5000", Repository: "shop/api"},
		d:                                                {Digest: d},
		"busybox":                                        {Repository: "busybox"},
		"registry.example.com/a/b/c@" + d + "and so on": {Registry: "registry.example.com", Repository: "a/b/c", Digest: d + "and so on"},
	} {
		if got := verify.ParseReference(s); got != want {
			t.Errorf("%s: got %+v, want %+v", s, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[31mb", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		e := accepted(t)
		set(find(t, &e, "Service", "api"), name, "metadata", "name")
		set(e.Argo.Application.Value, value, "status", "sync", "status")
		for _, r := range text(t, verify.Judge(e)) {
			if r < ' ' && r != '\n' || r == 0x7f {
				t.Fatalf("%q reaches the terminal", r)
			}
		}
	})
}
