package publish_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// files of a project with three services: two Go programs, one of them with a
// Dockerfile, and one that is files alone.
var files = map[string]string{
	"go.mod": "module example.com/demo\n\ngo 1.26.0\n",
	"cmd/api/main.go": `package main

import (
	"crypto/x509"
	"fmt"
	"time"

	"example.com/demo/greet"
)

func main() {
	roots, err := x509.SystemCertPool()
	if err != nil || roots.Equal(x509.NewCertPool()) {
		panic(fmt.Sprint("no certificate authorities: ", err))
	}
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		panic(err)
	}
	fmt.Println(greet.Hello("api"))
}
`,
	"cmd/worker/main.go": `package main

import "example.com/demo/greet"

func main() { println(greet.Hello("worker")) }
`,
	"greet/greet.go":    "package greet\n\nimport _ \"embed\"\n\n//go:embed word.txt\nvar word string\n\nfunc Hello(who string) string { return word + who }\n",
	"greet/word.txt":    "hello, ",
	"images/worker":     "FROM scratch\nCOPY worker /bin/worker\nCOPY assets /assets\nUSER 65532:65532\nENTRYPOINT [\"/bin/worker\"]\n",
	"images/site":       "FROM scratch\nCOPY assets/index.html /\n",
	"assets/index.html": "<p>hello</p>\n",
	"assets/logo.svg":   "<svg/>\n",
	"README.md":         "read by no build\n",
}

var services = []intent.Service{
	{ID: "api", Enabled: true, Build: intent.Build{Go: "./cmd/api"}},
	{ID: "site", Enabled: true, Build: intent.Build{Dockerfile: "images/site", Inputs: []string{"assets/index.html"}}},
	{ID: "worker", Enabled: true, Build: intent.Build{Go: "./cmd/worker", Dockerfile: "images/worker", Inputs: []string{"assets/**"}}},
}

// project is a git repository and a registry for its images.
type project struct {
	testing.TB
	dir      string
	address  string
	state    string
	registry *registry.Client
	names    names.Names
	kind     string // of builder
}

func newProject(t *testing.T) *project {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a registry and a builder")
	}
	r, err := scratch.StartRegistry(t.Context(), t.TempDir(), scratch.RegistryOptions{})
	need(t, err)
	t.Cleanup(r.Close)
	p := &project{TB: t, dir: t.TempDir(), address: r.Addr, state: stateDir(t), registry: registry.New(false), names: laneNames(t), kind: "buildkit"}
	t.Cleanup(p.registry.Close)
	p.git("init", "-q", "-b", "v0.1")
	for name, content := range files {
		p.write(name, content)
	}
	return p
}

func laneNames(tb testing.TB) names.Names {
	n, err := names.For("demo", "v0.1", names.Cluster{Name: "g14", Host: "G14", WorktreeRoot: "/root"}, "demo-ci")
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// stateDir has a short path: sockets lie in it.
func stateDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lane")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// need skips the test, or fails it under CI, when err says that a program is not
// installed.
func need(t testing.TB, err error) {
	t.Helper()
	hint := fail.HintOf(err)
	missing := strings.HasPrefix(hint, "apt-get install") || strings.HasPrefix(hint, "run make deps")
	if err != nil && missing && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err, hint)
	}
}

func (p *project) git(args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), "git", args...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (p *project) write(name, content string) {
	p.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p *project) commit() string {
	p.Helper()
	p.git("add", "-A")
	p.git("commit", "-q", "--allow-empty", "-m", "commit")
	return p.git("rev-parse", "HEAD")
}

// planned is a plan that builds the services with these ids, or all.
func (p *project) planned(commit string, ids ...string) (*git.Repo, *plan.Plan, []*plan.Component) {
	p.Helper()
	repo, err := git.Open(p.Context(), p.dir)
	if err != nil {
		p.Fatal(err)
	}
	enabled := slices.DeleteFunc(slices.Clone(services), func(s intent.Service) bool {
		return len(ids) > 0 && !slices.Contains(ids, s.ID)
	})
	doc, components, err := makePlan(p.Context(), repo, commit, p.kind, enabled)
	if err != nil {
		p.Fatal(err)
	}
	return repo, doc, components
}

func builderName(kind string) string {
	if kind == "buildah" {
		return "buildah " + builder.BuildahVersion
	}
	return "buildkit " + builder.BuildKitVersion
}

// events keeps what a publisher tells.
type events struct {
	mu   sync.Mutex
	list []publish.Event
}

func (e *events) add(ev publish.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

// of are the services that went through a step, sorted.
func (e *events) of(step publish.Step) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for _, s := range services {
		for _, ev := range e.list {
			if ev.Service == s.ID && ev.Step == step {
				ids = append(ids, s.ID)
			}
		}
	}
	return strings.Join(ids, " ")
}

func (p *project) publisher(repo *git.Repo, told *events) *publish.Publisher {
	return &publish.Publisher{
		Repo: repo, Names: p.names, Registry: p.registry, Address: p.address, State: p.state, Progress: told.add,
		Builder: func(ctx context.Context, hasRun bool) (builder.Builder, error) {
			return builder.Start(ctx, p.kind, builder.Options{Bin: bin(), Dir: p.state, Registry: p.registry}, hasRun)
		},
	}
}

// bin is where `make deps` puts BuildKit.
func bin() string {
	if dir := os.Getenv("LANE_BIN"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "bin")
}

// publish publishes a commit's services and returns what happened.
func (p *project) publish(commit string, ids ...string) (*publish.Published, *events, error) {
	p.Helper()
	repo, doc, components := p.planned(commit, ids...)
	told := &events{}
	out, err := p.publisher(repo, told).Run(p.Context(), doc, components)
	return out, told, err
}

// mustPublish is publish where it has to work.
func (p *project) mustPublish(commit string, ids ...string) (*publish.Published, *events) {
	p.Helper()
	out, told, err := p.publish(commit, ids...)
	need(p, err)
	return out, told
}

// digests are service → digest.
func digests(out *publish.Published) map[string]string {
	m := map[string]string{}
	for _, s := range out.Services {
		m[s.ServiceID] = s.Image.Digest
	}
	return m
}

// programs is a search path with the folders of these programs alone.
func programs(t *testing.T, names ...string) string {
	t.Helper()
	var dirs []string
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	return strings.Join(dirs, string(os.PathListSeparator))
}
