package check_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
)

func TestC1_RefusesWhatIsNoSource(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write([]byte("layer")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	tar := make([]byte, 1024)
	copy(tar, "manifest.json")
	copy(tar[257:], "ustar\x00")
	refuses(t, "C1", []broken{
		{"a compiled program", one("bin/api", string(program[:4096])), "bin/api", "compiled program"},
		{"a program for Windows", one("api.exe", "MZ\x90\x00\x03"), "api.exe", "compiled program"},
		{"a program for macOS", one("api.mac", "\xcf\xfa\xed\xfe\x0c\x00\x00\x01"), "api.mac", "compiled program"},
		{"a layer", one("layer.txt", gz.String()), "layer.txt", "gzip archive"},
		{"an image archive", one("image", string(tar)), "image", "tar archive"},
		{"a zip archive", one("docs/a.docx", "PK\x03\x04\x14\x00"), "docs/a.docx", "zip archive"},
		{"a large file", one("data.txt", strings.Repeat("0123456789\n", 1<<20)), "data.txt", "more than check looks at"},
		{"a pointer to LFS", one("model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"), "model.bin", "in LFS"},
	})
}

func TestC1_RefusesLinksOutAndSubmodules(t *testing.T) {
	c := newCommits(t)
	blob := run(t, c, "out\n../../etc/passwd", "hash-object", "-w", "--stdin")
	run(t, c, "", "read-tree", c.base)
	run(t, c, "", "update-index", "--add", "--cacheinfo", "120000,"+blob+",link")
	run(t, c, "", "update-index", "--add", "--cacheinfo", "160000,"+c.base+",third_party/x")
	tree := run(t, c, "", "write-tree")
	id := run(t, c, "", "commit-tree", tree, "-m", "x")
	var at []string
	for _, f := range c.check(t, id) {
		at = append(at, f.Rule+" "+f.File)
	}
	if got := strings.Join(at, ", "); got != "C1 third_party/x" {
		t.Errorf("findings: %s", got)
	}

	outside := run(t, c, "../etc/passwd", "hash-object", "-w", "--stdin")
	run(t, c, "", "update-index", "--add", "--cacheinfo", "120000,"+outside+",link")
	tree = run(t, c, "", "write-tree")
	id = run(t, c, "", "commit-tree", tree, "-m", "x")
	if found := c.check(t, id); len(found) != 2 || found[0].File != "link" || found[0].Rule != "C1" {
		t.Errorf("findings: %v", found)
	}
}

// run runs git in the commits' repository with an index of its own.
func run(t *testing.T, c *commits, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_DIR="+c.repo.GitDir,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func TestD1_RefusesMissingIntent(t *testing.T) {
	refuses(t, "D1", []broken{
		{"no intent", one("deploy/deploy.json", ""), "deploy/deploy.json", "the file is missing"},
		{"no package", edited(t, "deploy/deploy.json", "./cmd/api", "./cmd/apis"), "deploy/deploy.json", `the folder "./cmd/apis" holds no Go files`},
		{"no Dockerfile", edited(t, "deploy/deploy.json", "web.Dockerfile", "wbe.Dockerfile"), "deploy/deploy.json", "is not in the commit"},
		{"no inputs", edited(t, "deploy/deploy.json", "web/**", "wbe/**"), "deploy/deploy.json", "no file of the commit matches"},
		{"no schema", edited(t, "deploy/deploy.json", "./deploy.schema.json", "./schema.json"), "deploy/deploy.json", "is not in the commit"},
	})
}

func TestD2_RefusesIntentAndSchema(t *testing.T) {
	refuses(t, "D2", []broken{
		{"a digest", edited(t, "deploy/deploy.json", `"home"]`, `"home", "`+fake.Digest()+`"]`), "deploy/deploy.json", "a digest"},
		{"an unknown field", edited(t, "deploy/deploy.json", `"enabled": true,`, `"enabled": true, "colour": 1,`), "deploy/deploy.json", "unknown field"},
		{"another schema", one("deploy/deploy.schema.json", "{}\n"), "deploy/deploy.schema.json", "not the schema"},
	})
}

func harborCatalog(t *testing.T) []byte {
	t.Helper()
	c := catalog.Catalog{
		APIVersion: catalog.APIVersion, Kind: catalog.Kind, Project: "harbor", Lane: "v0.2", SourceBranch: "v0.2", GitopsBranch: "v0.2-gitops",
		SourceCommitID: fake.Commit(), IntentDigest: fake.Digest(), RenderDigest: fake.Digest(),
		Services: []catalog.Service{{
			ServiceID: "harbor-api", Status: catalog.Published, SourceCommitID: fake.Commit(), ComponentIdentity: fake.Digest(),
			Image: catalog.Image{Repository: "harbor/harbor-api", Tag: fake.Commit(), Digest: fake.Digest(), MediaType: "application/vnd.docker.distribution.manifest.v2+json"},
		}},
	}
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// finds wants at least one finding of a rule, in a file; what is found twice, as
// a catalog and as a digest, is the same fault.
func finds(t *testing.T, rule string, cases map[string]map[string]string) {
	t.Helper()
	c := newCommits(t)
	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			found := c.check(t, c.write(t, files))
			for _, f := range found {
				if _, ok := files[f.File]; !ok || f.Rule != rule || f.Hint == "" {
					t.Errorf("unexpected finding: %v", f)
				}
			}
			if len(found) == 0 {
				t.Error("not found")
			}
		})
	}
}

func TestC2_CatalogUnderAnotherName(t *testing.T) {
	pretty := harborCatalog(t)
	var compact bytes.Buffer
	if err := json.Compact(&compact, pretty); err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.JSONToYAML(pretty)
	if err != nil {
		t.Fatal(err)
	}
	indented := "  " + strings.ReplaceAll(string(pretty), "\n", "\n  ")
	var utf16le []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + string(pretty))) {
		utf16le = append(utf16le, byte(u), byte(u>>8))
	}
	finds(t, "C2", map[string]map[string]string{
		"pretty":         one("notes/state.json", string(pretty)),
		"minified":       one("state.txt", compact.String()),
		"YAML":           one("state.yml", string(asYAML)),
		"indented":       one("x.json", indented),
		"in Markdown":    one("docs/notes.md", "# Notes\n\nAs it was:\n\n```json\n"+string(pretty)+"```\n"),
		"quoted":         one("docs/notes.md", "> "+strings.ReplaceAll(string(pretty), "\n", "\n> ")),
		"in Go":          one("a.go", "package a\n\nconst c = "+strconv.Quote(compact.String())+"\n"),
		"commented":      one("a.sh", "# "+strings.ReplaceAll(string(asYAML), "\n", "\n# ")),
		"base64":         one("a.txt", base64.StdEncoding.EncodeToString(pretty)),
		"UTF-16":         one("a.json", string(utf16le)),
		"a zero byte":    one("a.bin", string(pretty)+"\x00"),
		"behind one":     one("a.bin", "\x00"+compact.String()),
		"no byte order":  one("a.bin", string(utf16le[2:])),
		"another branch": one("a.json", strings.ReplaceAll(string(pretty), "v0.2", "v0.9")),
		"cut off":        one("a.json", string(pretty[:len(pretty)/2])),
		"without a kind": one("a.json", strings.Replace(string(pretty), `"kind": "Catalog",`, "", 1)),
	})
}

// A refused intent, or one that is no JSON, hides nothing.
func TestC2_IntentIsBroken(t *testing.T) {
	c := newCommits(t)
	for name, broken := range map[string]string{
		"refused": strings.Replace(harbor, `"enabled": true,`, `"enabled": 1,`, 1),
		"cut off": strings.TrimRight(harbor, "}]\n "),
	} {
		found := c.check(t, c.write(t, map[string]string{"deploy/deploy.json": broken, "state.json": string(harborCatalog(t)), "run.sh": "run -n harbor-dev\n"}))
		rules := map[string]bool{}
		for _, f := range found {
			rules[f.Rule+" "+f.File] = true
		}
		if !rules["C2 state.json"] || !rules["A5 run.sh"] || !rules["D2 deploy/deploy.json"] {
			t.Errorf("%s: findings:\n%v", name, found)
		}
	}
}

func TestC2_Paths(t *testing.T) {
	refuses(t, "C2", []broken{
		{"a catalog", one("deploy/artifact-catalog.v02.json", "{}"), "deploy/artifact-catalog.v02.json", "artifact catalog"},
		{"a manifest", one("deploy/gitops/k7/runtime-v02/x.yaml", "a: b"), "deploy/gitops/k7/runtime-v02/x.yaml", "GitOps branch"},
	})
}

func TestC2_WhatAReleaseMakes(t *testing.T) {
	p := plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind, Project: "harbor", Lane: "v0.2", SourceCommitID: fake.Commit(), IntentDigest: fake.Digest(), Builder: "x",
		Services: []plan.Service{{ID: "harbor-api", Decision: plan.Build, Identity: fake.Digest(), Reasons: []string{"new"}}},
	}
	planned, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	image := "127.0.0.1:5000/harbor/harbor-api"
	finds(t, "C2", map[string]map[string]string{
		"a plan":                 one("plan.json", string(planned)),
		"a verdict":              one("v.yaml", "apiVersion: lane.agentrun.dev/v1\nkind: Verdict\nproject: harbor\nlane: v0.2\n"),
		"a hold":                 one("h.json", `{"apiVersion":"lane.agentrun.dev/v1","kind":"Hold","lane":"v0.2","project":"harbor","reason":"x"}`),
		"a rendered manifest":    one("x/api.txt", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: harbor-api\n  namespace: harbor-v02\n"),
		"the same as JSON":       one("x/api.txt", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"harbor-api","namespace":"harbor-v02"}}`),
		"of another lane":        one("x/api.txt", "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: harbor-api, namespace: harbor-v03}\n"),
		"the Namespace":          one("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: harbor-v02\n"),
		"the Application":        one("app.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: harbor-k7-v02\n"),
		"a pinned image":         one("docs/x.md", "It ran `"+image+"@"+fake.Digest()+"` then.\n"),
		"a tag":                  one("run.sh", "run 127.0.0.1:5000/harbor/harbor-web:"+fake.Commit()+"\n"),
		"a digest beside its id": one("digests.txt", "harbor-api "+fake.Digest()+"\n"),
		"a digest in an object":  one("d.json", `{"id": "harbor-api", "built": {"digest": "`+fake.Digest()+`"}}`),
		"a digest in YAML":       one("d.yaml", "service: harbor-web\nattempts: 1\nimage:\n  digest: "+fake.Digest()+"\n"),
		"a commit message":       one("log.txt", "promote harbor v0.2 abc\n\nLane-Source-Commit: "+fake.Commit()+"\nLane-Render-Digest: "+fake.Digest()+"\n"),
		"an invented digest":     one("docs/x.md", "`harbor/harbor-api@sha256:"+strings.Repeat("a", 64)+"`\n"),
		"in a nested project":    {"examples/shop/deploy/deploy.json": strings.ReplaceAll(harbor, "harbor", "shop"), "examples/shop/x.txt": image + "@" + fake.Digest()},
		"a run's id":             one("state.json", `{"pipelineRun": "harbor-v02-ci-`+fake.Commit()[:12]+`-3", "state": "Succeeded"}`),
	})
}

// Whatever a commit on the GitOps branch did, its message is known: by its verb, and by
// any of its trailers, of which one of a retirement has but who did it.
func TestC2_KnowsEveryMessage(t *testing.T) {
	for _, verb := range names.Verbs() {
		first := string(verb) + " harbor v0.2 " + fake.Commit()[:12] + "\n\n"
		finds(t, "C2", map[string]map[string]string{
			string(verb) + " with a commit": one("log.txt", first+"Lane-Promotion: "+fake.Commit()+"\n"),
			string(verb) + " with a name":   one("log.txt", first+"Lane-By: Ada Byron <ada@example.com>\n"),
		})
	}
	accepts(t, map[string]map[string]string{
		"another project's":    one("docs/x.md", "```text\nhold shop v0.2 "+fake.Commit()[:12]+"\n\nLane-By: Ada Byron <ada@example.com>\n```\n"),
		"the names of it all":  one("docs/x.md", "`lane hold` holds harbor v0.2, and `Lane-By` says who did it.\n"),
		"a trailer of nothing": one("docs/x.md", "```text\nLane-By: Ada Byron <ada@example.com>\n```\n"),
	})
}

// What is of another project, or nobody's, is no finding.
func TestC2_LeavesOthersAlone(t *testing.T) {
	other := strings.ReplaceAll(string(harborCatalog(t)), "harbor", "shop")
	accepts(t, map[string]map[string]string{
		"another project's catalog":  one("docs/example.md", "```json\n"+other+"```\n"),
		"another project's manifest": one("lane/testdata/x.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  namespace: shop-v02\n"),
		"a third party's digest":     one("deploy/images/images.lock", "docker.io/library/debian@"+fake.Digest()+"\n"),
		"names of a lane":            one("docs/x.md", "| namespace | `harbor-v02` |\n| runs | `harbor-v02-ci-<12 digits>-<n>` |\n"),
		"an intent":                  one("docs/x.md", "```json\n"+harbor+"```\n"),
		"a template":                 one("t.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  namespace: {{ .Namespace }}\n"),
		"a folder of another project": {
			"examples/shop/deploy/deploy.json": strings.ReplaceAll(strings.ReplaceAll(harbor, "harbor", "shop"), "127.0.0.1:10808", "10.0.0.1:3128"),
			"examples/shop/env.sh":             "HTTP_PROXY=http://10.0.0.1:3128\n",
		},
	})
}

func TestC4_RefusesCredentials(t *testing.T) {
	cases := map[string]map[string]string{
		"in a go.sum":       one("go.sum", fake.GitHubToken()),
		"in a picture's":    one("a.svg", "<svg>"+fake.GitHubToken()+"</svg>"),
		"behind zero bytes": one("a.bin", "\x00\x00\x00 "+fake.GitHubToken()+" \x00"),
		"in UTF-16":         one("a.txt", "\xff\xfe"+strings.Join(strings.Split(fake.GitHubToken(), ""), "\x00")+"\x00"),
		"allowed by itself": one("a.py", "x = '"+fake.GitHubToken()+"' # gitleaks:allow"),
	}
	for _, c := range fake.All() {
		cases[c.Name] = one("docs/notes.txt", c.Value)
	}
	finds(t, "C4", cases)
	c := newCommits(t)
	token := fake.GitHubToken()
	if found := c.check(t, c.write(t, one("a.txt", "x\n\n  "+token))); strings.Contains(found.Error(), token) || found[0].Line != 3 || found[0].Column != 3 {
		t.Errorf("findings: %v", found)
	}
}

func TestE9_RefusesTheOldReleaseWay(t *testing.T) {
	refuses(t, "E9", []broken{
		{"a runner's configuration", one("CI.json", "{}\n"), "CI.json", "runner"},
		{"in a folder", one("deploy/ci.json", "{}\n"), "deploy/ci.json", "runner"},
		{"a path", one("run.sh", "ssh D"+"601:/root/harbor make\n"), "run.sh", "old release way"},
		{"a path in a document", one("docs/x.md", "Log in to `D"+"601:/root/harbor`.\n"), "docs/x.md", "old release way"},
	})
	accepts(t, map[string]map[string]string{
		"history": one("docs/x.md", "## History\n\nIt was built at `D"+"601:/root/harbor`.\n"),
	})
}
