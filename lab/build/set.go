package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// set is programs that are built together.
type set struct {
	name     string
	note     string
	room     uint64   // bytes of disk, Go's caches included
	module   string   // the folder of its go.mod in the lab's source
	sources  []string // folders whose files decide, besides go.mod and go.sum
	packages []string
	ldflags  string
	finish   func(ctx context.Context, b Builder, dir string) error
}

// Kubernetes says its version from the linker's flags.
const kubernetes = "-X k8s.io/component-base/version.gitVersion=v1.34.4" +
	" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34"

var programs = set{
	name: "programs", room: 6 << 30, note: "Kubernetes, Tekton and Argo CD: about six minutes on two cores the first time",
	module: ".", sources: []string{"kube", "argocd", "pause", "image"},
	packages: []string{
		"./kube", "./argocd", "./pause",
		Tekton + "/cmd/controller", Tekton + "/cmd/webhook",
		Tekton + "/cmd/entrypoint", Tekton + "/cmd/nop", Tekton + "/cmd/workingdirinit",
	},
	ldflags: "-s -w " + kubernetes,
	finish:  finishPrograms,
}

var dns = set{
	name: "coredns", room: 1 << 30, note: "about a minute the first time",
	module: "coredns", sources: []string{"."}, packages: []string{"."}, ldflags: "-s -w",
}

var itself = set{
	name: "lab", room: 1 << 30, note: "this program",
	module: ".", sources: []string{"."}, packages: []string{"."}, ldflags: "-s -w",
}

// key is a hash of everything in the source folder that decides what comes out.
func (s set) key(source, version string) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%q\n%s\n", version, s.packages, s.ldflags)
	root := filepath.Join(source, s.module)
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := add(hash, root, name); err != nil {
			return "", err
		}
	}
	for _, dir := range s.sources {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if d.IsDir() {
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
					return fs.SkipDir // another module
				}
				if d.Name() == "testdata" {
					return fs.SkipDir
				}
				return nil
			}
			if !d.Type().IsRegular() || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".md") {
				return nil
			}
			return add(hash, root, name)
		})
		if err != nil {
			return "", fmt.Errorf("reading the source: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func add(hash io.Writer, root, name string) error {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return err
	}
	fmt.Fprintf(hash, "%s %d\n", name, len(text))
	_, err = hash.Write(text)
	return err
}

// counter turns the names of packages that go build says into a line of progress
// now and then, and keeps everything else, which is errors.
type counter struct {
	say     io.Writer
	name    string
	start   time.Time
	last    time.Time
	rest    []byte
	compile int
	words   []string
}

func (c *counter) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, rest, whole := bytes.Cut(c.rest, []byte("\n"))
		if !whole {
			break
		}
		c.rest = append([]byte(nil), rest...)
		if text := string(line); strings.ContainsAny(text, " \t#") {
			c.words = append(c.words, text)
		} else {
			c.compile++
		}
	}
	const quiet = 20 * time.Second
	if now := time.Now(); now.Sub(c.start) > quiet && now.Sub(c.last) > quiet {
		c.last = now
		fmt.Fprintf(c.say, "  %s: %d packages compiled, %s\n", c.name, c.compile, now.Sub(c.start).Round(time.Second))
	}
	return len(p), nil
}
