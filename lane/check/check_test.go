package check_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/check"
	"github.com/pikasTech/agentrun/lane/intent"
)

var by = git.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1700000000, 0).UTC()}

const harbor = `{
  "$schema": "./deploy.schema.json",
  "apiVersion": "lane.agentrun.dev/v1",
  "kind": "Intent",
  "project": "harbor",
  "lane": "v0.2",
  "cluster": { "name": "k7", "host": "K7", "worktreeRoot": "/srv" },
  "source": { "repository": "git@git.example.com:harbor/harbor.git" },
  "registry": { "address": "127.0.0.1:5000", "insecure": true },
  "ci": {
    "namespace": "harbor-ci",
    "proxy": "http://127.0.0.1:10808",
    "noProxy": ["hyueapi.com", ".hyueapi.com", "10.43.0.0/16", ".svc.cluster.local"]
  },
  "secretRefs": [{ "name": "harbor-v02-db", "keys": ["DATABASE_URL"] }, { "name": "harbor-v02-mail", "keys": ["account.json"] }],
  "services": [
    {
      "id": "harbor-api", "kind": "deployment", "enabled": true, "build": { "go": "./cmd/api" },
      "env": [{ "name": "DATABASE_URL", "secretRef": { "name": "harbor-v02-db", "key": "DATABASE_URL" } }]
    },
    {
      "id": "harbor-web", "kind": "deployment", "enabled": true,
      "build": { "dockerfile": "deploy/images/web.Dockerfile", "inputs": ["web/**"] },
      "home": {
        "env": "WEB_HOME", "path": "/home/web", "command": ["home"], "sizeLimit": "1Mi",
        "secretRef": { "name": "harbor-v02-mail", "keys": ["account.json"] }
      }
    }
  ]
}
`

// clean is a tree that breaks no rule.
func clean(t testing.TB) map[string]string {
	t.Helper()
	in, err := intent.Parse(intent.Path, []byte(harbor))
	if err != nil {
		t.Fatal(err)
	}
	other := fake.Digest()[:7] + strings.Repeat("8d3e5f7a9b1c2d4e", 3) + "0000000000000001"
	return map[string]string{
		"AGENTS.md":                             "# For agents\n\nRead [the lane](docs/reference/lane.md).\n",
		"README.md":                             "# Harbor\n\n[Secrets](docs/reference/secret-distribution.md#what-there-is), [code](cmd/api/main.go#L1), [docs](docs).\n\n```\n[not a link](nowhere.md)\n```\n",
		"docs/reference/lane.md":                "# Lane\n\nIt runs in `harbor-v02`. The environments harbor-dev and harbor_prod are retired.\n\n<!-- lane:network -->\n" + check.NetworkTable(in) + "<!-- /lane:network -->\n",
		"docs/reference/secret-distribution.md": "# Secrets\n\n## What there is\n\n| SecretRef | key | service | how |\n|---|---|---|---|\n| `harbor-v02-db` | `DATABASE_URL` | `harbor-api` | variable `DATABASE_URL` |\n| `harbor-v02-mail` | `account.json` | `harbor-web` | file in `WEB_HOME` |\n\nAll else is in the [lane](lane.md).\n",
		"deploy/deploy.json":                    harbor,
		"deploy/deploy.schema.json":             string(intent.Schema()),
		"deploy/images/web.Dockerfile":          "FROM scratch\nCOPY web /web\n",
		"deploy/images/images.lock":             "# bases of harbor-web\ndocker.io/library/debian@" + other + " # for harbor-web\n",
		"web/index.html":                        "<h1>Harbor</h1>\n",
		"web/logo.png":                          "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"cmd/api/main.go":                       "package main\n\nfunc main() {}\n",
		"go.sum":                                "github.com/docker/docker-credential-helpers v0.9.9 h1:BkydjIgZ46JnDbqyM2p2fc63KMw6y+KHL3Em/2AGJ7w=\n",
		"tools/env.sh":                          "export HTTP_PROXY=http://127.0.0.1:10808\nexport NO_PROXY=" + strings.Join(in.NoProxy(), ",") + "\nHTTPS_PROXY=$HTTP_PROXY\n",
	}
}

// commits writes trees into one repository.
type commits struct {
	repo *git.Repo
	base string
}

func newCommits(t testing.TB) *commits {
	t.Helper()
	repo, err := git.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &commits{repo: repo}
	c.base = c.write(t, clean(t))
	return c
}

// write is a commit of base with files changed; an empty content deletes.
func (c *commits) write(t testing.TB, files map[string]string) string {
	t.Helper()
	n := git.NewCommit{Parent: c.base, Put: map[string][]byte{}, Message: "a change", By: by}
	for path, content := range files {
		if content == "" {
			n.Delete = append(n.Delete, path)
		} else {
			n.Put[path] = []byte(content)
		}
	}
	id, err := c.repo.WriteCommit(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (c *commits) check(t testing.TB, commit string) fail.Findings {
	t.Helper()
	found, err := check.Run(t.Context(), check.Source{Repo: c.repo, Commit: commit})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// broken is a change of the clean tree and the only finding that it gives.
type broken struct {
	name  string
	files map[string]string
	file  string
	why   string
}

func refuses(t *testing.T, rule string, cases []broken) {
	t.Helper()
	c := newCommits(t)
	for _, b := range cases {
		t.Run(b.name, func(t *testing.T) {
			found := c.check(t, c.write(t, b.files))
			if len(found) != 1 {
				t.Fatalf("%d findings, want 1:\n%v", len(found), found)
			}
			if f := found[0]; f.Rule != rule || f.File != b.file || !strings.Contains(f.Why, b.why) || f.Hint == "" {
				t.Errorf("want rule %s in %s: %q, got:\n%v", rule, b.file, b.why, found)
			}
		})
	}
}

// accepts are changes of the clean tree that break nothing.
func accepts(t *testing.T, cases map[string]map[string]string) {
	t.Helper()
	c := newCommits(t)
	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			if found := c.check(t, c.write(t, files)); len(found) > 0 {
				t.Errorf("findings:\n%v", found)
			}
		})
	}
}

func one(path, content string) map[string]string { return map[string]string{path: content} }

// edited is the tree's file with a string replaced.
func edited(t testing.TB, path, from, to string) map[string]string {
	t.Helper()
	before := clean(t)[path]
	after := strings.Replace(before, from, to, 1)
	if after == before {
		t.Fatalf("%q is not in %s", from, path)
	}
	return one(path, after)
}

func TestCleanTreeHasNoFinding(t *testing.T) {
	c := newCommits(t)
	if found := c.check(t, c.base); len(found) > 0 {
		t.Errorf("findings:\n%v", found)
	}
}

func TestFindingsAreSortedAndTheSameFromTheCache(t *testing.T) {
	c := newCommits(t)
	token := fake.GitHubToken()
	id := c.write(t, map[string]string{"z.txt": token, "a.txt": "\n" + token + "\n" + token, "CI.json": "{}", "docs/reference/lane.md": ""})
	want := c.check(t, id)
	if len(want) < 5 || !slices.IsSortedFunc(want, func(a, b fail.Finding) int { return strings.Compare(a.File, b.File) }) {
		t.Fatalf("findings:\n%v", want)
	}
	src := check.Source{Repo: c.repo, Commit: id, Memo: t.TempDir() + "/secrets.memo"}
	for range 2 { // the second from the memo
		got, err := check.Run(t.Context(), src)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, findings:\n%v", err, got)
		}
	}
	kept, err := os.ReadFile(src.Memo) // it holds no secret
	if err != nil || len(kept) == 0 || strings.Contains(string(kept), token) {
		t.Fatalf("%v, kept %q", err, kept)
	}
	kept[len(kept)/2]++ // a spoiled memo is none
	if err := os.WriteFile(src.Memo, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := check.Run(t.Context(), src); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, findings:\n%v", err, got)
	}
}

func TestEveryFindingHasARuleThatIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range check.Rules() {
		if r.ID == "" || r.Title == "" || listed[r.ID] {
			t.Errorf("rule %+v", r)
		}
		listed[r.ID] = true
	}
	c := newCommits(t)
	files := maps.Clone(spoiled(t))
	for _, f := range c.check(t, c.write(t, files)) {
		if !listed[f.Rule] {
			t.Errorf("rule of %v is not listed", f)
		}
	}
}

// spoiled breaks much at once.
func spoiled(t testing.TB) map[string]string {
	return map[string]string{
		"deploy/deploy.json": strings.NewReplacer(`"harbor",`, `"Harbor",`, `"v0.2"`, `"02"`, `10.43.0.0/16`, `x y`, `"enabled": true`, `"hostNetwork": true, "nodePort": 1`).Replace(harbor),
		"CI.json":            "{}", "a.zip": "PK\x03\x04\x00", "token": fake.GitHubToken(), "README.md": "[x](y.md)", "AGENTS.md": "",
	}
}

func TestRunOfAnotherCommitThanTheWorkTree(t *testing.T) {
	c := newCommits(t)
	if _, err := check.Run(t.Context(), check.Source{Repo: c.repo, Commit: fake.Commit()}); err == nil {
		t.Error("a commit that is not there was checked")
	}
}
