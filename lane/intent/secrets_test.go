package intent_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/intent"
)

// forbidden is what no string of an intent may hold.
func forbidden() []fake.Credential {
	all := append(fake.All(),
		fake.Credential{Name: "password's placeholder", Value: "postgres://user:password@db/app"},
		fake.Credential{Name: "certificate", Value: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
		fake.Credential{Name: "digest", Value: fake.Digest()},
		fake.Credential{Name: "pinned image", Value: "127.0.0.1:5000/shop/api@" + fake.Digest()},
		fake.Credential{Name: "commit", Value: fake.Commit()},
		fake.Credential{Name: "tagged image", Value: "registry.example/shop/api:v1.2.3"},
		fake.Credential{Name: "PipelineRun", Value: "shop-v03-ci-" + fake.Commit()[:12] + "-1"},
		fake.Credential{Name: "manifest", Value: "apiVersion: apps/v1\nkind: Deployment\n"},
		fake.Credential{Name: "token in base64", Value: base64.StdEncoding.EncodeToString([]byte("the token is " + fake.GitHubToken()))},
	)
	return all
}

// positions are the pointers of all strings of a document, and of the keys that
// its author chose.
func positions(t *testing.T, doc string) (values, keys []jsontext.Pointer) {
	dec := jsontext.NewDecoder(strings.NewReader(doc))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		kind, n := dec.StackIndex(dec.StackDepth())
		at := dec.StackPointer()
		switch {
		case token.Kind() != '"':
		case kind == '{' && n%2 == 1:
			if strings.HasPrefix(string(at), "/configMaps/") && strings.Contains(string(at), "/data/") {
				keys = append(keys, at)
			}
		default:
			values = append(values, at)
		}
	}
	if len(values) < 80 || len(keys) != 3 {
		t.Fatalf("%d values, %d keys", len(values), len(keys))
	}
	return values, keys
}

// with is doc with the string, or the key, at a pointer replaced.
func with(t *testing.T, doc string, at jsontext.Pointer, isKey bool, s string) string {
	var tree any
	if err := json.Unmarshal([]byte(doc), &tree); err != nil {
		t.Fatal(err)
	}
	node := tree
	tokens := strings.Split(strings.TrimPrefix(string(at), "/"), "/")
	for _, token := range tokens[:len(tokens)-1] {
		switch n := node.(type) {
		case map[string]any:
			node = n[token]
		case []any:
			node = n[index(token)]
		}
	}
	last := tokens[len(tokens)-1]
	switch n := node.(type) {
	case map[string]any:
		if isKey {
			n[s] = n[last]
			delete(n, last)
		} else {
			n[last] = s
		}
	case []any:
		n[index(last)] = s
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func index(s string) int {
	n := 0
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// Wherever in a valid intent a secret, a digest or anything else that does not
// belong there is put, the intent is refused, at that place, and no finding
// repeats what was put there.
func TestD2_NoStringPositionTakesSecretsOrDigests(t *testing.T) {
	doc := shop(t)
	values, keys := positions(t, doc)
	all := forbidden()
	around := []string{"", "see ", "x=", "\n", "\""}
	rapid.Check(t, func(rt *rapid.T) {
		bad := rapid.SampledFrom(all).Draw(rt, "bad")
		at := rapid.SampledFrom(append(values, keys...)).Draw(rt, "at")
		isKey := false
		for _, k := range keys {
			isKey = isKey || k == at && rapid.Bool().Draw(rt, "key")
		}
		put := rapid.SampledFrom(around).Draw(rt, "before") + bad.Value + rapid.SampledFrom([]string{"", " ", "\"", "\n"}).Draw(rt, "after")
		refusesString(rt, with(t, doc, at, isKey, put), at, isKey, bad)
	})
}

// Each kind in all places at once, without anything around it.
func TestD2_EveryStringPosition(t *testing.T) {
	doc := shop(t)
	values, keys := positions(t, doc)
	for _, bad := range forbidden() {
		changed := doc
		for _, at := range values {
			changed = with(t, changed, at, false, bad.Value)
		}
		refused := map[string]bool{}
		for _, f := range findings(t, changed) {
			refused[f.Pointer] = refused[f.Pointer] || f.Rule == "D2"
		}
		for _, at := range values {
			if !refused[string(at)] {
				t.Errorf("%s at %s is accepted", bad.Name, at)
			}
		}
		for _, at := range keys {
			refusesString(t, with(t, doc, at, true, bad.Value), at, true, bad)
		}
	}
}

type reporter interface {
	Errorf(format string, args ...any)
}

func refusesString(t reporter, doc string, at jsontext.Pointer, isKey bool, bad fake.Credential) {
	_, err := parse(doc)
	fs, ok := err.(fail.Findings)
	if !ok {
		t.Errorf("%s at %s is accepted: %v", bad.Name, at, err)
		return
	}
	found := false
	for _, f := range fs {
		under := f.Pointer == string(at) || isKey && strings.HasPrefix(f.Pointer, string(at.Parent()))
		found = found || f.Rule == "D2" && under
	}
	if !found {
		t.Errorf("%s at %s: no finding there: %v", bad.Name, at, fs)
	}
	for _, secret := range fake.All() {
		for line := range strings.Lines(secret.Value) {
			if line = strings.TrimSpace(line); secret.Name == bad.Name && len(line) > 15 && strings.Contains(err.Error(), line) {
				t.Errorf("%s at %s: the finding repeats it: %v", bad.Name, at, err)
				return
			}
		}
	}
}

func TestC4_FindingsDoNotRepeatCredentials(t *testing.T) {
	token := fake.GitHubToken()
	for name, doc := range map[string]string{
		"an unknown field's name": strings.Replace(shop(t), `"project"`, `"`+token+`": 1, "project"`, 1),
		"a field below it":        strings.Replace(shop(t), `"project"`, `"`+token+`": {"x": null}, "project"`, 1),
		"a duplicate key":         strings.Replace(shop(t), `"project"`, `"`+token+`": 1, "`+token+`": 2, "project"`, 1),
		"the project":             strings.Replace(shop(t), `"project": "shop"`, `"project": "`+token+`"`, 1),
		"two ids":                 strings.ReplaceAll(strings.Replace(shop(t), `"id": "web"`, `"id": "`+token+`"`, 1), `"id": "mailer"`, `"id": "`+token+`"`),
		"broken JSON after it":    `{"project": "` + token + `",}`,
		"broken JSON at it":       `{"project": ` + token + `}`,
	} {
		if err := findings(t, doc); strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(shop(f))
	f.Add(`{"services":[{"env":[{"name":"A","value":null}]}]}`)
	f.Add(`{"configMaps":[{"data":{"":""}}],"x":[[{}]]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		in, err := parse(doc)
		if err != nil {
			fs, ok := err.(fail.Findings)
			if !ok || len(fs) == 0 || in != nil {
				t.Fatalf("%v, %T %v", in, err, err)
			}
			return
		}
		digest, err := in.Digest()
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		in2, err := intent.Parse("again", again)
		if err != nil {
			t.Fatalf("what was parsed is refused when written again: %v\n%s", err, again)
		}
		if digest2, _ := in2.Digest(); digest2 != digest {
			t.Fatalf("the digest changes")
		}
	})
}
