package publish_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/publish"
)

func published(t testing.TB) []byte {
	t.Helper()
	commit := strings.Repeat("0a", 20)
	data, err := (&publish.Published{
		APIVersion: publish.APIVersion, Kind: publish.Kind, Project: "demo", Lane: "v0.1", SourceCommitID: commit,
		Services: []publish.Service{{
			ServiceID: "api", ComponentIdentity: "sha256:" + strings.Repeat("1b", 32),
			Image: publish.Image{Repository: "demo/api", Tag: commit, Digest: "sha256:" + strings.Repeat("2c", 32), MediaType: publish.MediaType},
		}},
	}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseRefuses(t *testing.T) {
	good := string(published(t))
	if _, err := publish.Parse("f", []byte(good), laneNames(t)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ from, to, rule string }{
		"F1 another tag":         {`"tag": "0a0a`, `"tag": "0b0b`, "F1"},
		"F3 another type":        {"manifest.v2+json", "manifest.list.v2+json", "F3"},
		"F3 no digest":           {"sha256:2c2c", "sha256:2C2c", "F3"},
		"F4 another lane":        {`"lane": "v0.1"`, `"lane": "v0.2"`, "F4"},
		"F4 another project":     {`"project": "demo"`, `"project": "shop"`, "F4"},
		"F4 another repository":  {`"demo/api"`, `"demo/other"`, "F4"},
		"F4 no identity":         {"sha256:1b1b", "sha1:1b1b", "F4"},
		"F4 an unknown field":    {`"kind"`, `"time": "now", "kind"`, "F4"},
		"F4 another kind":        {`"kind": "Published"`, `"kind": "Plan"`, "F4"},
		"F4 half of it":          {"}\n", "", "F4"},
		"F4 something after it":  {"}\n", "}\n{}\n", "F4"},
		"F4 an abbreviated hash": {`"sourceCommitId": "0a`, `"sourceCommitId": "`, "F4"},
	} {
		i := strings.LastIndex(good, tt.from)
		if i < 0 {
			t.Fatalf("%s: %q is not in the document", name, tt.from)
		}
		bad := good[:i] + tt.to + good[i+len(tt.from):]
		_, err := publish.Parse("f", []byte(bad), laneNames(t))
		if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), "rule "+tt.rule) {
			t.Errorf("%s: exit %d: %v", name, fail.CodeOf(err), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(published(f))
	f.Add([]byte(`{"apiVersion":"lane.agentrun.dev/v1","kind":"Published","services":null}`))
	n := laneNames(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := publish.Parse("f", data, n)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := publish.Parse("f", again, n); err != nil {
			t.Errorf("accepted, encoded, refused: %v\n%s", err, again)
		}
	})
}
