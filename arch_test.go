package agentrun_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pikasTech/agentrun"

// rule is what one package may import, and why.
type rule struct {
	pkg, why string
	imports  []string
}

// allowed is which packages of this module a package may import, and why. A
// package that is not in the table may not exist. Tests may import more: they
// stand things up; they are not part of what is released.
var allowed = []rule{
	{"internal/fail", "the shape of errors: everybody imports it, it imports nobody", nil},
	{"internal/canon", "one form for documents and hashes", []string{"internal/fail"}},
	{"internal/child", "programs that end with the command", []string{"internal/fail"}},
	{"internal/git", "the only place that runs git", []string{"internal/fail", "internal/canon", "internal/child"}},
	{"internal/registry", "the only place that talks to a registry", []string{"internal/fail", "internal/canon"}},
	{"internal/kube", "the only place that talks to a cluster", []string{"internal/fail"}},
	{"internal/fields", "pairs in a text of any notation", nil},
	{"internal/plain", "text from outside, for people; imports nothing", nil},
	{"internal/memo", "what was learnt about content, kept on disk", []string{"internal/canon", "internal/fail"}},
	{"internal/secretscan", "the only place that knows what a secret looks like", []string{"internal/canon", "internal/fields", "internal/memo"}},
	{"internal/kube/kubetest", "an API server's bad days, for tests", nil},
	{"internal/canon/schematest", "holds a schema against its type, in tests", nil},
	{"internal/secretscan/fake", "credentials for tests, made when they run", nil},
	{"internal/scratch", "real servers that live as long as one call", []string{"internal/fail", "internal/child"}},

	{"internal/postgres", "signs in to a database once", nil},
	{"internal/testkit", "script commands that tests share", nil},

	{"lane/names", "the root of the pipeline: it needs only errors", []string{"internal/fail"}},
	{"lane/intent", "what should run, under the lane's names", []string{"lane/names", "internal/canon", "internal/fail", "internal/fields", "internal/secretscan"}},
	{"lane/check", "judges a source tree, so it reads git and the intent", []string{"lane/names", "lane/intent", "internal/canon", "internal/fail", "internal/fields", "internal/git", "internal/memo", "internal/secretscan"}},
	{"lane/plan/tree", "one commit as a file system", []string{"internal/fail", "internal/git"}},
	{"lane/plan/golang", "what a Go program is made of", []string{"lane/plan/tree", "internal/memo", "internal/canon", "internal/child", "internal/fail", "internal/git"}},
	{"lane/plan/dockerfile", "what a Dockerfile builds on", []string{"internal/fail"}},
	{"lane/plan/archives", "what of other people's releases goes into an image", []string{"internal/canon", "internal/fail"}},
	{"lane/plan", "reads a commit; knows neither catalog nor registry", []string{"lane/names", "lane/intent", "internal/memo", "lane/plan/tree", "lane/plan/golang", "lane/plan/dockerfile", "lane/plan/archives", "internal/canon", "internal/fail", "internal/git"}},
	{"lane/publish/unpack", "archives, proved and unpacked", []string{"lane/plan/archives", "internal/canon", "internal/fail"}},
	{"lane/publish/builder", "the two programs that build images", []string{"internal/canon", "internal/child", "internal/fail", "internal/registry"}},
	{"lane/publish", "acts on a plan; the only stage that builds and pushes", []string{"lane/names", "lane/intent", "lane/plan", "lane/plan/tree", "lane/plan/archives", "lane/publish/builder", "lane/publish/unpack", "internal/canon", "internal/child", "internal/fail", "internal/git", "internal/registry"}},
	{"lane/catalog", "joins a plan with what was published", []string{"lane/names", "lane/plan", "lane/publish", "internal/canon", "internal/fail"}},
	{"lane/render", "pure: no git, no registry, no cluster", []string{"lane/names", "lane/intent", "lane/catalog", "internal/canon", "internal/fail"}},
	{"lane/diff", "compares manifests, whoever made them; shows no credential", []string{"lane/names", "internal/canon", "internal/fail", "internal/secretscan"}},
	{"lane/pipeline", "the objects that carry a release; made from the intent alone", []string{"lane/names", "lane/intent", "internal/canon", "internal/fail"}},
	{"lane/opening", "the next lane's source; writes no file", []string{"lane/names", "lane/intent", "internal/fail"}},
	{"lane/metadata", "what a lane keeps for itself; knows no branch and no cluster", []string{"lane/names", "internal/canon", "internal/fail"}},
	{"lane/promote", "moves the GitOps branch; is handed the content", []string{"lane/names", "lane/catalog", "lane/metadata", "internal/canon", "internal/fail", "internal/git"}},
	{"lane/release", "judges a run; asks no cluster", []string{"lane/names", "lane/pipeline", "lane/promote", "internal/fail"}},
	{"lane/secrets", "makes Secrets from values; asks no cluster", []string{"lane/names", "lane/intent", "lane/pipeline", "internal/canon", "internal/fail"}},
	{"lane/verify", "judges what was seen, and is pure: no git, registry or cluster is asked", []string{"lane/names", "lane/intent", "lane/catalog", "lane/publish", "lane/render", "lane/pipeline", "lane/metadata", "lane/promote", "internal/canon", "internal/fail", "internal/secretscan"}},
	{"lane/verify/observe", "sees for the judge: the one stage that asks git, registry and cluster at once", []string{"lane/names", "lane/intent", "lane/catalog", "lane/metadata", "lane/publish/builder", "lane/render", "lane/pipeline", "lane/promote", "lane/verify", "internal/canon", "internal/fail", "internal/git", "internal/kube", "internal/memo", "internal/registry", "internal/secretscan"}},
	{"lane/report", "draws a verdict, and is pure like the judge", []string{"lane/metadata", "lane/verify", "internal/canon", "internal/fail"}},
	{"lane/attest", "signs a verdict; judges nothing", []string{"lane/verify", "internal/canon", "internal/fail"}},
	{"cmd/lane", "joins the stages", []string{
		"lane/names", "lane/intent", "lane/check", "lane/plan", "lane/plan/dockerfile", "lane/publish", "lane/publish/builder", "lane/catalog", "lane/render", "lane/diff", "lane/metadata", "lane/promote", "lane/pipeline", "lane/opening", "lane/release", "lane/verify", "lane/verify/observe", "lane/report", "lane/attest", "lane/secrets",
		"internal/canon", "internal/fail", "internal/kube", "internal/git", "internal/postgres", "internal/registry", "internal/scratch", "internal/secretscan",
	}},

	{"agentrun/run", "what a run is; pure", nil},
	{"agentrun/manager/store", "the only place that talks to Postgres", []string{"agentrun/run"}},
	{"agentrun/manager/download", "a file of a run over HTTP, for the API and the page", []string{"agentrun/manager/store", "agentrun/run"}},
	{"agentrun/manager/api", "HTTP for a store; knows no cluster: who a runner is, it is told", []string{"agentrun/manager/download", "agentrun/manager/store", "agentrun/run"}},
	{"agentrun/manager/storetest", "a store in a real Postgres, and an agent that a test plays", []string{"agentrun/run", "agentrun/manager/store"}},
	{"agentrun/manager/page", "runs for people, read from the store; changes nothing", []string{"agentrun/run", "agentrun/manager/download", "agentrun/manager/store", "internal/plain"}},
	{"agentrun/manager", "the service: knows nothing of how it is released", []string{"agentrun/manager/api", "agentrun/manager/dispatch", "agentrun/manager/identity", "agentrun/manager/store", "internal/kube", "internal/fail", "internal/canon"}},
	{"agentrun/client", "the public API from outside: knows nothing of the manager's inside", []string{"agentrun/run", "internal/fail"}},
	{"cmd/agentrun", "flags, environment and text for the client", []string{"agentrun/client", "agentrun/run", "internal/canon", "internal/fail", "internal/plain"}},
	{"cmd/agentrun-mgr", "flags and environment for the manager", []string{"agentrun/manager", "agentrun/manager/api", "agentrun/manager/page", "agentrun/manager/store", "agentrun/run", "internal/fail", "internal/kube"}},
	{"agentrun/codex", "the only place that speaks to Codex", []string{"internal/child"}},
	{"agentrun/codex/provider", "a model that does what it is told, for tests and the demo", nil},
	{"agentrun/codex/provider/serve", "that model as a program", []string{"agentrun/codex/provider"}},
	{"agentrun/codex/fakecodex", "Codex's bad days, for tests", nil},
	{"agentrun/codex/codextest", "the real Codex, for tests", nil},
	{"agentrun/runner", "one attempt: knows nothing of how it is released", []string{"agentrun/run", "agentrun/codex", "internal/child", "internal/fail"}},
	{"agentrun/manager/identity", "whose pod a token is of; knows no run", []string{"internal/kube"}},
	{"agentrun/manager/dispatch", "joins the store with the cluster: Jobs of attempts", []string{"agentrun/manager/identity", "agentrun/manager/store", "agentrun/run", "internal/fail", "internal/kube"}},
	{"agentrun/soak", "managers, runners and clients together, as programs: its tests are all of it", nil},
	{"cmd/agentrun-runner", "flags and environment for the runner", []string{"agentrun/runner", "internal/fail"}},

	{"examples", "a second project, as files", nil},
	{"bench/plan", "a measurement stands beside the stage it measures", []string{"lane/plan", "lane/intent", "lane/names", "internal/git", "internal/canon"}},
	{"bench/publish", "a measurement stands beside the stage it measures", []string{"lane/publish", "lane/publish/builder", "lane/plan", "lane/intent", "lane/names", "internal/git", "internal/registry", "internal/scratch", "internal/canon"}},
	{"bench/render", "a measurement stands beside the stage it measures", []string{"lane/render", "lane/catalog", "lane/publish", "lane/intent", "lane/names", "internal/canon"}},
	{"bench/verify", "a measurement stands beside the stage it measures", []string{"lane/verify", "lane/render", "lane/catalog", "lane/promote", "lane/publish", "lane/publish/builder", "lane/intent", "lane/names", "internal/git", "internal/registry", "internal/kube/kubetest", "internal/scratch", "internal/canon", "internal/fail"}},
	{"bench/manager", "a measurement stands beside the service it measures, and plays its cluster", []string{"agentrun/manager", "agentrun/manager/identity", "agentrun/manager/store", "agentrun/manager/storetest", "agentrun/run", "internal/child", "internal/kube", "internal/kube/kubetest", "internal/scratch"}},
	{"bench/promote", "a measurement stands beside the stage it measures", []string{"lane/promote", "lane/catalog", "lane/publish", "lane/names", "internal/git", "internal/scratch", "internal/canon", "internal/fail"}},
}

type pkg struct {
	path    string // within the module
	dir     string
	imports []string // of this module, likewise
}

// packages lists the module's packages as the go command sees them.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{.Dir}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if f[0] == module {
			continue // this folder: tests only
		}
		p := pkg{path: strings.TrimPrefix(f[0], module+"/"), dir: f[1]}
		for _, im := range f[2:] {
			if rest, ok := strings.CutPrefix(im, module+"/"); ok {
				p.imports = append(p.imports, rest)
			}
		}
		all = append(all, p)
	}
	return all
}

func TestArchImports(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		i := slices.IndexFunc(allowed, func(r rule) bool { return r.pkg == p.path })
		if i < 0 {
			t.Errorf("package %s is not in the table of allowed imports: add it with its reason, or put its code where it belongs", p.path)
			continue
		}
		seen[p.path] = true
		for _, im := range p.imports {
			if !slices.Contains(allowed[i].imports, im) {
				t.Errorf("%s imports %s, which the table does not allow (%s)", p.path, im, allowed[i].why)
			}
		}
	}
	for _, a := range allowed {
		if !seen[a.pkg] {
			t.Errorf("the table names %s, which does not exist", a.pkg)
		}
		if a.why == "" {
			t.Errorf("%s has no reason", a.pkg)
		}
	}
}

// TestArchNoExit: only main functions end the process, and no package runs code
// by being imported.
func TestArchNoExit(t *testing.T) {
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(file) != "main.go" && bytes.Contains(data, []byte("os.Exit(")) {
				t.Errorf("%s ends the process: return an error", file)
			}
			if bytes.Contains(data, []byte("\nfunc init()")) {
				t.Errorf("%s runs code when it is imported", file)
			}
		}
	}
}

// TestArchPackageDocs: every package says what it is before it says anything else.
func TestArchPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, hasPackageDoc) {
			t.Errorf("package %s has no doc comment", p.path)
		}
	}
}

func hasPackageDoc(file string) bool {
	data, err := os.ReadFile(file)
	if err != nil || strings.HasSuffix(file, "_test.go") {
		return false
	}
	previous := ""
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); previous = s.Text() {
		if strings.HasPrefix(s.Text(), "package ") {
			return strings.HasPrefix(previous, "//") && !strings.HasPrefix(previous, "//go:")
		}
	}
	return false
}

// TestH1_DiagnosisWritesNothing: every write to a cluster is given a kube.Write, so
// the files that say so are all that can write; what looks at a lane is not among
// them. The manager writes its own Jobs (rule H2).
func TestH1_DiagnosisWritesNothing(t *testing.T) {
	writers := []string{"agentrun/manager/dispatch/act.go", "cmd/lane/accept.go", "cmd/lane/objects_apply.go", "cmd/lane/open_cluster.go", "cmd/lane/release.go", "cmd/lane/release_create.go", "cmd/lane/retire_cluster.go", "cmd/lane/secrets.go"}
	var found []string
	for _, p := range packages(t) {
		if p.path == "internal/kube" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(p.dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(file, "_test.go") && bytes.Contains(data, []byte("kube.Write")) {
				found = append(found, p.path+"/"+filepath.Base(file))
			}
		}
	}
	if !slices.Equal(found, writers) {
		t.Errorf("%v write to the cluster, want %v", found, writers)
	}
}
