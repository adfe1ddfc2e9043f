package diff

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDiffGolden compares before/ and after/ of each archive.
func TestDiffGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			before, after, want := map[string][]byte{}, map[string][]byte{}, map[string]string{}
			var inputs []txtar.File
			for _, f := range archive.Files {
				if path, ok := strings.CutPrefix(f.Name, "before/"); ok {
					before[path] = f.Data
				} else if path, ok := strings.CutPrefix(f.Name, "after/"); ok {
					after[path] = f.Data
				} else {
					want[f.Name] = string(f.Data)
					continue
				}
				inputs = append(inputs, f)
			}
			d, err := Objects(before, after)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := d.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{"text": text(t, d), "json": string(doc)}
			if *update {
				archive.Files = append(inputs, txtar.File{Name: "text", Data: []byte(got["text"])}, txtar.File{Name: "json", Data: doc})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("go test ./lane/diff -update writes the files anew (-want +got):\n%s", diff)
			}
		})
	}
}

func text(t *testing.T, d Diff) string {
	t.Helper()
	var out bytes.Buffer
	if err := d.Text(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// object is a manifest with the given spec, in YAML flow style.
func object(kind, name, spec string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: %s, metadata: {name: %s, namespace: ns}, spec: %s}\n", kind, name, spec)
}

func side(files ...string) map[string][]byte {
	m := map[string][]byte{}
	for i, f := range files {
		m[fmt.Sprintf("%d.yaml", i)] = []byte(f)
	}
	return m
}

func TestDiffOfListsFollowsItems(t *testing.T) {
	for _, tc := range []struct{ name, before, after, want string }{
		{"item put in", "[a, c]", "[a, b, c]", "added spec[1]"},
		{"item taken out", "[a, b, c]", "[a, c]", "removed spec[1]"},
		{"item put first", "[{p: 2}]", "[{p: 1}, {p: 2}]", "added spec[0]"},
		{"field of an item without name", "[{p: 1}, {p: 2}]", "[{p: 1}, {p: 3}]", "changed spec[1].p"},
		{"named item put first", "[{name: b}]", "[{name: a}, {name: b}]", "added spec[a]"},
		{"named items change places", "[{name: a}, {name: b}]", "[{name: b}, {name: a}]", "changed spec"},
		{"two of one name go by place", "[{name: a}, {name: a, x: 1}]", "[{name: a}, {name: a, x: 2}]", "changed spec[1].x"},
		{"by mount path", "[{mountPath: /a, x: 1}]", "[{mountPath: /b, x: 1}, {mountPath: /a, x: 2}]", "added spec[/b]; changed spec[/a].x"},
		{"name that could be a path", "[{name: 'a].b'}]", "[]", `removed spec["a].b"]`},
		{"list becomes map", "[1]", "{a: 1}", "changed spec"},
		{"value becomes null", "{a: 1}", "{a: null}", "changed spec.a"},
		{"number becomes text", "{a: 1}", "{a: '1'}", "changed spec.a"},
		{"only a comment", "{a: 0x10}", "{a: 0x10\n # comment\n }", ""},
		{"key that is no word", "{a.b/c: 1}", "{a.b/c: 2}", `changed spec["a.b/c"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Objects(side(object("X", "x", tc.before)), side(object("X", "x", tc.after)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range d.Objects {
				for _, f := range o.Fields {
					got = append(got, string(f.Change)+" "+f.Path)
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiffSaysWhatHappensToPods(t *testing.T) {
	for _, tc := range []struct{ name, before, after, want string }{
		{"template", object("Deployment", "x", "{template: {spec: {a: 1}}}"), object("Deployment", "x", "{template: {spec: {a: 2}}}"), "pods restart"},
		{"replicas", object("Deployment", "x", "{replicas: 1}"), object("Deployment", "x", "{replicas: 2}"), "from 1 to 2 pods, those that stay do not restart"},
		{"other", object("Deployment", "x", "{templates: 1}"), object("Deployment", "x", "{templates: 2}"), "pods do not restart"},
		{"first replica", object("Deployment", "x", "{replicas: 0}"), object("Deployment", "x", "{replicas: 2}"), "pods start"},
		{"last replica", object("Deployment", "x", "{replicas: 2, template: 1}"), object("Deployment", "x", "{replicas: 0, template: 2}"), "pods stop"},
		{"no replica", object("Deployment", "x", "{replicas: 0, template: 1}"), object("Deployment", "x", "{replicas: 0, template: 2}"), ""},
		{"new without replica", "", object("Deployment", "x", "{replicas: 0}"), ""},
		{"new", "", object("StatefulSet", "x", "{}"), "pods start"},
		{"gone", object("DaemonSet", "x", "{}"), "", "pods stop"},
		{"claim gone", object("PersistentVolumeClaim", "x", "{}"), "", "its data is deleted with it"},
		{"namespace gone", object("Namespace", "x", "{}"), "", "everything in it is deleted with it"},
		{"service", object("Service", "x", "{a: 1}"), object("Service", "x", "{a: 2}"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Objects(side(tc.before), side(tc.after))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Objects) != 1 || d.Objects[0].Effect != tc.want {
				t.Errorf("want %q, got %+v", tc.want, d.Objects)
			}
		})
	}
}

func TestC4_DiffHidesTheDataOfSecrets(t *testing.T) {
	secret := func(members string) string {
		return "{apiVersion: v1, kind: Sec" + "ret, metadata: {name: s}, " + members + "}"
	}
	before := secret("data: {a: b25l, gone: dHdv}, stringData: {b: three}")
	after := secret("data: {a: Zm91cg==, new: Zml2ZQ==}, stringData: {b: three}")
	for _, sides := range [][2]string{{before, after}, {before, ""}, {"", after}} {
		d, err := Objects(side(sides[0]), side(sides[1]))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{"b25l", "dHdv", "three", "Zm91cg", "Zml2ZQ"} {
			if strings.Contains(text(t, d)+string(doc), value) {
				t.Errorf("%s is in\n%s\n%s", value, text(t, d), doc)
			}
		}
		if len(d.Objects) != 1 {
			t.Errorf("%+v", d)
		}
	}
	d, _ := Objects(side(before), side(after))
	if !strings.Contains(text(t, d), "    data.a\n") || strings.Contains(text(t, d), "stringData.b") {
		t.Errorf("which keys change is not said:\n%s", text(t, d))
	}
}

// TestC4_DiffHidesCredentials: one side may be what somebody wrote into the cluster.
func TestC4_DiffHidesCredentials(t *testing.T) {
	password, token := fake.Password(), fake.GitHubToken()
	with := func(userinfo string) string { return "https:/" + "/" + userinfo + "@git.example.com/x.git" }
	for _, tt := range []struct{ name, before, after, says string }{
		{"an address", "{repoURL: '" + with("x:"+password) + "'}", "{repoURL: 'https://git.example.com/x.git'}", "- https://***@git.example.com/x.git\n      + https://git.example.com/x.git"},
		{"another credential alone", "{repoURL: '" + with("x:"+password) + "'}", "{repoURL: '" + with(password) + "'}", "- https://***@git.example.com/x.git, another value\n      + https://***@git.example.com/x.git"},
		{"a token", "{revision: " + token + "}", "{revision: v1}", "- (hidden: it looks like a credential)\n      + v1"},
		{"two tokens", "{revision: " + token + "}", "{revision: x" + token + "}", "- (hidden: it looks like a credential), another value\n      + (hidden: it looks like a credential)"},
		{"by its name", "{env: [{name: x, token: " + password + password + "}]}", "{env: [{name: x, token: v1}]}", "- (hidden: it looks like a credential)"},
		{"in what is removed", "{env: [{name: a}, {name: x, value: '" + token + "'}]}", "{env: [{name: a}]}", `- {"name":"x","value":"(hidden: it looks like a credential)"}`},
		{"in a list that is no list now", "{repos: ['" + with(password) + "']}", "{repos: none}", `- ["https://***@git.example.com/x.git"]`},
		{"in a text of lines", "{script: \"a\\ncurl " + with(password) + "\\nb\"}", "{script: \"a\\nb\"}", "- curl https://***@git.example.com/x.git"},
		{"a number", "{n: 1}", "{n: 2}", "- 1\n      + 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, turned := range []bool{false, true} {
				before, after := tt.before, tt.after
				if turned {
					before, after = after, before
				}
				d, err := Objects(side(object("Application", "x", before)), side(object("Application", "x", after)))
				if err != nil {
					t.Fatal(err)
				}
				doc, err := d.Encode()
				if err != nil {
					t.Fatal(err)
				}
				told := text(t, d)
				if all := told + string(doc); strings.Contains(all, password[:8]) || strings.Contains(all, token[:12]) {
					t.Errorf("the credential is told:\n%s\n%s", told, doc)
				}
				if !turned && !strings.Contains(told, tt.says) {
					t.Errorf("want %q in\n%s", tt.says, told)
				}
			}
		})
	}
}

// TestDiffShowsWhatItCannotReadBefore: the new side replaces it, so it is no
// reason to refuse.
func TestDiffShowsWhatItCannotReadBefore(t *testing.T) {
	for name, before := range map[string]string{
		"no YAML":      "a: [",
		"no object":    "just text",
		"alias":        "a: &a 1\nb: *a",
		"twice":        object("X", "x", "1") + "---\n" + object("X", "x", "2"),
		"key twice":    "a: 1\na: 2",
		"strange key":  "{[a]: 1}",
		"deep":         strings.Repeat("[", 100) + strings.Repeat("]", 100),
		"very deep":    strings.Repeat("[", 20000),
		"large":        strings.Repeat(" ", maxBytes+1),
		"binary":       "\x00\xff",
		"escapes":      "\x1b[31m: 1",
		"alias bombed": "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]",
	} {
		t.Run(name, func(t *testing.T) {
			after := object("X", "x", "3")
			d, err := Objects(side(before), side(after))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Problems) != 1 || d.Problems[0].File != "0.yaml" || len(d.Objects) == 0 {
				t.Errorf("%+v", d)
			}
			if out := text(t, d); !strings.HasPrefix(out, "unreadable 0.yaml: ") || strings.Contains(out, "\x1b") {
				t.Errorf("%q", out)
			}
			_, err = Objects(side(after), side(before))
			if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" {
				t.Errorf("on the new side: %v", err)
			}
		})
	}
}

func TestDiffTextIsSafeForTerminals(t *testing.T) {
	d, err := Objects(
		side(object("X", "x", `{"a\e[2J": "b", c: " d", e: "f\n\e[31mg"}`)),
		side(object("X", "x", `{"a\e[2J": "\e[31m", c: "\u202Ed", e: "f\nh", i: {"\e": "\e"}}`)+"---\n"+object(`"\e[1m"`, `"\e"`, "1")))
	if err != nil {
		t.Fatal(err)
	}
	if out := text(t, d); strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("%q", out)
	}
}

func TestDiffColours(t *testing.T) {
	d, err := Objects(side(object("X", "x", "1")), side(object("X", "x", "2")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.ColorText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[1mchanged", "\x1b[31m      - 1\x1b[0m", "\x1b[32m      + 2\x1b[0m"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte(object("X", "x", "[{name: a}]")), []byte(object("X", "x", "[{name: b}]")))
	f.Add([]byte("a: [\n"), []byte("---\n---\n"))
	f.Add([]byte("{apiVersion: v1, kind: ConfigMap, data: {job.yaml: 'kind: Job'}}"), []byte("{apiVersion: v1, kind: ConfigMap, data: {job.yaml: 'kind: Job2'}}"))
	f.Add([]byte("{apiVersion: v1, kind: Sec"+"ret, data: {a: b}}"), []byte("{apiVersion: v1, kind: Sec"+"ret, data: {a: c}}"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		sides := [2]map[string][]byte{{"f": before}, {"f": after}}
		d, err := Objects(sides[0], sides[1])
		if err != nil {
			return
		}
		if bytes.ContainsAny([]byte(text(t, d)), "\x1b\r\x00") {
			t.Errorf("%q", text(t, d))
		}
		if _, err := d.Encode(); err != nil {
			t.Error(err)
		}
		for _, o := range d.Objects {
			if o.Change == Changed && len(o.Fields) == 0 {
				t.Errorf("%+v", o)
			}
		}
		if same, err := Objects(sides[1], map[string][]byte{"g": after}); err == nil && len(same.Objects) > 0 {
			t.Errorf("the same objects in another file differ: %+v", same.Objects)
		}
	})
}
