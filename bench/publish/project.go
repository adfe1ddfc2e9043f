package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// project is a repository with services, a registry, and both builders.
type project struct {
	source   string // work tree
	state    string // of the lane
	home     string
	program  string // ko
	base     string // what ko builds on
	host     string // of a running BuildKit
	registry *scratch.Registry
	daemon   *builder.BuildKit
	changes  int
}

// service is a program of the size that real ones have.
const service = `package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/bench/shared"
)

const change = %d

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, shared.Name, change) })
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
`

func setUp(ctx context.Context, dir string) (*project, error) {
	p := &project{source: filepath.Join(dir, "source"), state: filepath.Join(dir, "lane"), home: filepath.Join(dir, "home")}
	var err error
	if p.program, err = buildKo(ctx, dir); err != nil {
		return nil, err
	}
	if p.registry, err = scratch.StartRegistry(ctx, filepath.Join(dir, "registry"), scratch.RegistryOptions{}); err != nil {
		return nil, err
	}
	daemon := filepath.Join(dir, "daemon")
	if p.daemon, err = builder.StartBuildKit(ctx, builder.BuildKitOptions{Bin: "bin", Dir: daemon}); err != nil {
		p.close()
		return nil, err
	}
	p.host = "unix://" + filepath.Join(daemon, "buildkitd.sock")
	if err := p.prepare(ctx, dir); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *project) close() {
	if p.daemon != nil {
		p.daemon.Close()
	}
	p.registry.Close()
}

// prepare writes the sources and pushes ko's base.
func (p *project) prepare(ctx context.Context, dir string) error {
	files := map[string]string{
		"source/go.mod":           "module example.com/bench\n\ngo 1.26.0\n",
		"source/shared/shared.go": "package shared\n\nconst Name = \"bench\"\n",
		"base/Dockerfile":         "FROM scratch\nCOPY --chmod=0444 ca-certificates.crt /etc/ssl/certs/\n",
		"base/scratch/x":          "",
		"home/x":                  "",
	}
	for i := range services {
		files[fmt.Sprintf("source/cmd/s%d/main.go", i)] = fmt.Sprintf(service, 0)
	}
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	files["base/context/ca-certificates.crt"] = string(certificates)
	for name, content := range files {
		if err := write(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	ref := registry.Ref{Registry: p.registry.Addr, Repository: "bench/base"}
	digest, err := p.daemon.Build(ctx, builder.Request{
		Context: filepath.Join(dir, "base/context"), Dockerfile: filepath.Join(dir, "base/Dockerfile"), Scratch: filepath.Join(dir, "base/scratch"), Image: ref,
	})
	if err != nil {
		return err
	}
	p.base = ref.At(digest)
	return p.git(ctx, "init", "-q", "-b", "v0.1")
}

func write(file, content string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(content), 0o644)
}

// change edits the first n services and commits.
func (p *project) change(ctx context.Context, n int) (commit string, err error) {
	p.changes++
	for i := range n {
		if err := write(filepath.Join(p.source, fmt.Sprintf("cmd/s%d/main.go", i)), fmt.Sprintf(service, p.changes)); err != nil {
			return "", err
		}
	}
	if err := p.git(ctx, "add", "-A"); err != nil {
		return "", err
	}
	if err := p.git(ctx, "commit", "-q", "-m", "change"); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "git", "-C", p.source, "rev-parse", "HEAD").Output()
	return strings.TrimSpace(string(out)), err
}

func (p *project) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", p.source, "-c", "user.name=bench", "-c", "user.email=bench@localhost"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %v: %w\n%s", args, err, out)
	}
	return nil
}

// packages are the first n programs.
func packages(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("./cmd/s%d", i))
	}
	return list
}

// ko publishes the first n services with ko, as a release would: one tag, no
// bill of materials. goflags are the compiler's.
func (p *project) ko(commit, goflags string, n int) *exec.Cmd {
	cmd := exec.Command(p.program, append([]string{
		"build", "--base-import-paths", "--insecure-registry", "--sbom=none", "--platform=" + builder.Platform, "--tags=" + commit,
	}, packages(n)...)...)
	cmd.Dir = p.source
	cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+p.registry.Addr+"/ko", "KO_DEFAULTBASEIMAGE="+p.base, "DOCKER_CONFIG="+p.home, "CGO_ENABLED=0", "GOFLAGS="+goflags)
	return cmd
}

// lane publishes the first n services in a process of its own.
func (p *project) lane(host, commit string, n int) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	state := p.state
	if host != "" {
		state += "-" + "host"
	}
	return exec.Command(self, append([]string{"once", p.source, p.registry.Addr, state, host, commit}, packages(n)...)...)
}

// compile is what both have to do at least.
func (p *project) compile(n int) *exec.Cmd {
	args := append([]string{"build"}, plan.GoFlags()...)
	args = append(args, "-o", p.home+string(filepath.Separator))
	cmd := exec.Command("go", append(args, packages(n)...)...)
	cmd.Dir = p.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	return cmd
}
