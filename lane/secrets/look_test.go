package secrets_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/secrets"
)

// there is a Secret as the API server has it, written by manager.
func there(w secrets.Wanted, manager string, values map[string]string) *unstructured.Unstructured {
	data, owned := map[string]any{}, map[string]any{}
	for key, value := range values {
		data[key], owned["f:"+key] = base64.StdEncoding.EncodeToString([]byte(value)), map[string]any{}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "data": data,
		"metadata": map[string]any{
			"name": w.Name, "namespace": w.Namespace,
			"labels": map[string]any{"lane.agentrun.dev/project": "shop", "lane.agentrun.dev/lane": "v0.3"},
			"managedFields": []any{map[string]any{
				"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:data": owned},
			}},
		},
	}}
}

func wanted(t testing.TB, in *intent.Intent, verb string) secrets.Wanted {
	t.Helper()
	n, err := in.Names()
	if err != nil {
		t.Fatal(err)
	}
	all := secrets.All(in, n)
	i := slices.IndexFunc(all, func(w secrets.Wanted) bool { return w.Verb == verb })
	if i < 0 {
		t.Fatalf("no Secret for %s", verb)
	}
	return all[i]
}

// state is the state and the reason of the finding about what.
func state(found []secrets.Finding, what string) string {
	for _, f := range found {
		if f.What == what {
			return string(f.State) + " " + f.Rule + " " + f.Why
		}
	}
	return "nothing"
}

func TestG6_LookReadsTheURLAsEveryClientDoes(t *testing.T) {
	in, _ := example(t, nil)
	w := wanted(t, in, secrets.VerbPostgres)
	scheme := "postgres:" + "//"
	for dsn, want := range map[string]string{
		scheme + "u:p%2F%40%3A@db:5432/shop_v03":                 "matched",
		scheme + "u:p!x@[fd00::1]:5432/shop_v03?sslmode=require": "matched",
		scheme + "u:p/q@db/shop_v03":                             "contradicted",
		scheme + "u:p@q@db/shop_v03":                             "contradicted",
		scheme + "u:p:q@db/shop_v03":                             "contradicted",
		scheme + "u:p%zz@db/shop_v03":                            "contradicted",
		scheme + "u:@db/shop_v03":                                "contradicted",
		scheme + "u@db/shop_v03":                                 "contradicted",
		scheme + "db/shop_v03":                                   "contradicted",
		scheme + "u:p@db/":                                       "contradicted",
		scheme + "u:p@db/other":                                  "contradicted",
		scheme + "u:p@/shop_v03?host=/run/postgresql":            "contradicted",
		scheme + "u:p@db/shop_v03?dbname=other":                  "contradicted",
		scheme + "u:p@db/shop_v03?password=q":                    "contradicted",
		scheme + "u:p@db/shop_v03?sslmode=maybe":                 "contradicted",
		"mysql:" + "//u:p@db/shop_v03":                           "contradicted",
		"host=db user=u password=p dbname=shop_v03":              "contradicted",
		scheme + "u:p@db/shop_v03\n":                             "contradicted",
	} {
		obj := there(w, "lane", map[string]string{"DATABASE_URL": dsn})
		got := state(w.Look(obj, "shop_v03"), "DATABASE_URL")
		if !strings.HasPrefix(got, want+" G6 ") {
			t.Errorf("%q: %s", dsn, got)
		}
		if _, good := w.DatabaseURL(obj, "shop_v03"); good != (want == "matched") {
			t.Errorf("%q: a good one: %v", dsn, good)
		}
	}
}

func TestG4_G5_H2_LookJudgesTheSecret(t *testing.T) {
	in, _ := example(t, nil)
	w := wanted(t, in, secrets.VerbCodex)
	good := map[string]string{"auth.json": `{"OPENAI_API_KEY":"k"}`, "config.toml": "a = 1"}
	for name, tt := range map[string]struct {
		change     func(obj *unstructured.Unstructured)
		what, want string
	}{
		"good keys":   {nil, "keys", "matched G5 auth.json, config.toml"},
		"good labels": {nil, "labels", "matched G4 shop v0.3"},
		"good writer": {nil, "written by", "matched H2 lane"},
		"no keys":     {func(o *unstructured.Unstructured) { delete(o.Object, "data") }, "keys", "contradicted G5 without a value: auth.json, config.toml"},
		"empty":       {func(o *unstructured.Unstructured) { o.Object["data"].(map[string]any)["auth.json"] = "" }, "keys", "contradicted G5 without a value: auth.json"},
		"more":        {func(o *unstructured.Unstructured) { o.Object["data"].(map[string]any)["x"] = "eA==" }, "keys", "contradicted G5 not declared: x"},
		"being deleted": {func(o *unstructured.Unstructured) {
			o.Object["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-02T03:04:05Z"
		}, "keys", "contradicted G5 it is being deleted"},
		"no labels": {func(o *unstructured.Unstructured) { o.SetLabels(nil) }, "labels", "contradicted G4 it is not labelled as this lane's"},
		"another lane": {func(o *unstructured.Unstructured) {
			o.SetLabels(map[string]string{"lane.agentrun.dev/project": "shop", "lane.agentrun.dev/lane": "v0.2"})
		}, "labels", "contradicted G4 it is not labelled as this lane's"},
		"unsaid writer": {func(o *unstructured.Unstructured) { o.SetManagedFields(nil) }, "written by", "unknown H2 the API does not say who wrote it"},
		"a hand": {func(o *unstructured.Unstructured) {
			o.SetManagedFields(slices.Concat(o.GetManagedFields(), there(w, "kubectl\x1b[2J", good).GetManagedFields()))
		}, "written by", "contradicted H2 keys are written by kubectl"},
	} {
		t.Run(name, func(t *testing.T) {
			obj := there(w, "lane", good)
			if tt.change != nil {
				tt.change(obj)
			}
			got := state(w.Look(obj, "shop_v03"), tt.what)
			if !strings.HasPrefix(got, tt.want) || strings.ContainsRune(got, '\x1b') {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestG4_GitAndSigningFitTheIntent(t *testing.T) {
	key, public := sshKey(t, "")
	other, _ := sshKey(t, "")
	locked, _ := sshKey(t, fake.Password())
	in, _ := example(t, func(in *intent.Intent) {
		in.CI.Signers = []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))}
	})
	w := wanted(t, in, secrets.VerbSigning)
	for value, want := range map[string]string{
		string(key): "matched", string(other): "contradicted I10 the key SHA256:", string(locked): "contradicted I10 it cannot be read", fake.Token(): "contradicted I10 it cannot be read",
	} {
		if got := state(w.Look(there(w, "lane", map[string]string{"ssh-privatekey": value}), ""), "ssh-privatekey"); !strings.HasPrefix(got, want) {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	w = wanted(t, in, secrets.VerbGit) // https://git.example.com/shop/shop.git
	for value, want := range map[string]string{
		"https:" + "//u:p@git.example.com\n":                               "matched",
		"https:" + "//u:p@other.example\nhttps:" + "//u:p@git.example.com": "matched",
		"http:" + "//u:p@git.example.com\n":                                "contradicted",
		"https:" + "//u@git.example.com\n":                                 "contradicted",
		"https:" + "//git.example.com\n":                                   "contradicted",
		fake.Token():                                                       "contradicted",
	} {
		if got := state(w.Look(there(w, "lane", map[string]string{".git-credentials": value}), ""), ".git-credentials"); !strings.HasPrefix(got, want) {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	in, _ = example(t, func(in *intent.Intent) { in.Source.Repository = "git@git.example.com:shop/shop.git" })
	w = wanted(t, in, secrets.VerbGit)
	if !slices.Equal(w.Keys, []string{"known_hosts", "ssh-privatekey"}) {
		t.Fatalf("over SSH it has %v", w.Keys)
	}
	found := w.Look(there(w, "lane", map[string]string{"known_hosts": "other.example " + string(ssh.MarshalAuthorizedKey(public)), "ssh-privatekey": string(locked)}), "")
	for _, what := range w.Keys {
		if got := state(found, what); !strings.HasPrefix(got, "contradicted G4") {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestReadersAreThoseThatStay(t *testing.T) {
	in, _ := example(t, nil)
	in.Services[0].Env = append(in.Services[0].Env, intent.Env{Name: "U", SecretRef: &intent.KeyRef{Name: "shop-v03-db", Key: "DATABASE_URL"}})
	if got := secrets.Readers(in, "shop-v03-db"); !slices.Equal(got, []string{in.Services[0].ID}) {
		t.Errorf("got %v", got)
	}
	if got := secrets.Readers(in, "shop-v03-mail"); got != nil { // a job template's home
		t.Errorf("got %v", got)
	}
}

// FuzzC4_LookTellsNoValue: whatever a Secret holds, a finding has no part of it that
// nobody could guess.
func FuzzC4_LookTellsNoValue(f *testing.F) {
	f.Add("postgres:" + "//u:MARK@db/shop_v03")
	f.Add(`{"OPENAI_API_KEY":"MARK`)
	f.Add("MARK = [\"MARK\"\n")
	f.Add("git.example.com MARK MARK")
	f.Add("-----BEGIN MARK-----\nMARK\n-----END MARK-----")
	in, n := example(f, func(in *intent.Intent) { in.CI.Signers = []string{"ssh-ed25519 AAAA"} })
	ssh, sshNames := example(f, func(in *intent.Intent) { in.Source.Repository = "git@git.example.com:shop/shop.git" })
	all := slices.Concat(secrets.All(in, n), secrets.All(ssh, sshNames))
	const mark = "Zq7Xw9Kv"
	f.Fuzz(func(t *testing.T, text string) {
		value := strings.ReplaceAll(text, "MARK", mark)
		for _, w := range all {
			values := map[string]string{}
			for _, key := range w.Keys {
				values[key] = value
			}
			told := fmt.Sprintf("%+v", w.Look(there(w, "lane", values), "shop_v03"))
			if strings.Contains(told, mark) || strings.Contains(told, base64.StdEncoding.EncodeToString([]byte(mark))) {
				t.Fatalf("a finding tells a value: %s", told)
			}
		}
	})
}
