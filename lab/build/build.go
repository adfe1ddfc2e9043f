// Package build compiles the programs of the lab from Go modules and keeps them in
// a cache, in one folder for each set of programs that has a go.mod of its own or
// changes at its own pace: the Kubernetes, Tekton and Argo CD programs, CoreDNS,
// and the lab itself.
//
// A set's folder is named by a hash of what it is made from, so what is there is
// never built again, and what was cut short is never taken for whole. Besides
// Go's own caches nothing else is written.
package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/lab/image"
	"github.com/pikasTech/agentrun/lab/machine"
	"github.com/pikasTech/agentrun/lab/problem"
)

// Binaries are folders of programs and files that were built.
type Binaries struct {
	Programs string            `json:"programs"` // kube, argocd, Tekton's; images.tar
	DNS      string            `json:"dns"`      // coredns
	Lab      string            `json:"lab"`      // lab
	Modules  map[string]string `json:"modules"`  // module path → its folder
}

// Modules whose folders hold the objects that their programs need.
const (
	Tekton = "github.com/tektoncd/pipeline"
	ArgoCD = "github.com/argoproj/argo-cd/v3"
)

// Builder builds from the lab's source folder into a cache.
type Builder struct {
	Source string
	Cache  string
	Say    io.Writer
	// Installed is closed when Debian's programs are there: one goes into an image.
	Installed <-chan struct{}
	// InUse are folders that stay however old they are.
	InUse []string
}

// Run builds what is not in the cache.
func (b Builder) Run(ctx context.Context) (Binaries, error) {
	var bin Binaries
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return bin, fmt.Errorf("making the cache: %w", err)
	}
	version, err := b.goCommand(ctx, ".", "env", "GOVERSION").Output()
	if err != nil {
		return bin, problem.New("install Go 1.26 or newer and put it in PATH", "asking for Go's version: %w", err)
	}
	for _, s := range []struct {
		set
		dir *string
	}{{programs, &bin.Programs}, {dns, &bin.DNS}, {itself, &bin.Lab}} {
		if *s.dir, err = b.set(ctx, s.set, string(version)); err != nil {
			return bin, fmt.Errorf("building %s: %w", s.name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(bin.Programs, modulesFile))
	if err != nil {
		return bin, err
	}
	return bin, json.Unmarshal(text, &bin.Modules)
}

const modulesFile = "modules.json"

// set builds one set of programs and returns its folder.
func (b Builder) set(ctx context.Context, s set, version string) (string, error) {
	key, err := s.key(b.Source, version)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.Cache, s.name+"-"+key)
	if _, err := os.Stat(dir); err == nil {
		now := time.Now() // for prune
		return dir, os.Chtimes(dir, now, now)
	}
	if err := machine.Space(b.Cache, s.room, "building "+s.name); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(b.Cache, ".part-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	fmt.Fprintf(b.Say, "building %s (%s)\n", s.name, s.note)
	args := append([]string{"build", "-v", "-trimpath", "-ldflags=" + s.ldflags, "-o", part + "/"}, s.packages...)
	cmd := b.goCommand(ctx, s.module, args...)
	count := &counter{say: b.Say, name: s.name, start: start}
	cmd.Stderr = count
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("go build: %w\n%s", err, strings.Join(count.words, "\n"))
	}
	if s.finish != nil {
		if err := s.finish(ctx, b, part); err != nil {
			return "", err
		}
	}
	if err := os.Rename(part, dir); err != nil {
		return "", err
	}
	fmt.Fprintf(b.Say, "built %s in %s\n", s.name, time.Since(start).Round(time.Second))
	b.prune(s.name)
	return dir, nil
}

func (b Builder) goCommand(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.Source, module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	return cmd
}

// keep is how many builds of a set stay, so that going back and forth is cheap.
const keep = 3

func (b Builder) prune(name string) {
	dirs, _ := filepath.Glob(filepath.Join(b.Cache, name+"-*"))
	slices.SortFunc(dirs, func(x, y string) int { return modified(y).Compare(modified(x)) })
	for _, dir := range dirs[min(keep, len(dirs)):] {
		if !slices.Contains(b.InUse, dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// finishPrograms adds what is made of the programs: links for those that are called by
// several names, the images for pods, and where the modules' folders are.
func finishPrograms(ctx context.Context, b Builder, dir string) error {
	select {
	case <-b.Installed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for link, program := range map[string]string{
		"kubectl": "kube", "argocd-application-controller": "argocd", "argocd-repo-server": "argocd", "argocd-git-ask-pass": "argocd",
	} {
		if err := os.Symlink(program, filepath.Join(dir, link)); err != nil {
			return err
		}
	}
	folders := map[string]string{}
	for _, module := range []string{Tekton, ArgoCD} {
		out, err := b.goCommand(ctx, ".", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			return fmt.Errorf("asking for the folder of %s: %w", module, err)
		}
		folders[module] = strings.TrimSpace(string(out))
	}
	text, err := json.Marshal(folders)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, modulesFile), text, 0o644); err != nil {
		return err
	}
	return image.WriteArchive(filepath.Join(dir, image.Archive), dir)
}
