package builder_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// bin is where `make deps` puts BuildKit.
func bin() string {
	if dir := os.Getenv("LANE_BIN"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "bin")
}

// need skips the test, or fails it under CI, when err says that a program is not
// installed.
func need(t *testing.T, err error) {
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

func startRegistry(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a registry and a builder")
	}
	r, err := scratch.StartRegistry(t.Context(), t.TempDir(), scratch.RegistryOptions{})
	need(t, err)
	t.Cleanup(r.Close)
	return r.Addr
}

// stateDir has a short path: sockets lie in it.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lane")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Images have folders that nobody may write.
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(path, 0o700)
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func buildKit(t *testing.T, o builder.BuildKitOptions) builder.Builder {
	t.Helper()
	o.Bin = bin()
	if o.Dir == "" {
		o.Dir = stateDir(t)
	}
	b, err := builder.StartBuildKit(t.Context(), o)
	need(t, err)
	t.Cleanup(b.Close)
	return b
}

func buildah(t *testing.T) builder.Builder {
	t.Helper()
	b, err := builder.StartBuildah(t.Context(), builder.BuildahOptions{Dir: stateDir(t), Registry: client(t)})
	need(t, err)
	t.Cleanup(b.Close)
	return b
}

func client(t *testing.T) *registry.Client {
	t.Helper()
	c := registry.New(false)
	t.Cleanup(c.Close)
	return c
}

// builders are both, each with an empty cache.
var builders = []struct {
	name  string
	start func(t *testing.T) builder.Builder
}{
	{"buildkit", func(t *testing.T) builder.Builder { return buildKit(t, builder.BuildKitOptions{}) }},
	{"buildah", buildah},
}

// request is an image of the files, name by name, and of the Dockerfile.
func request(t *testing.T, address, dockerfile string, files map[string]string) builder.Request {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, "context", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"context", "scratch"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(file, []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return builder.Request{
		Context: filepath.Join(dir, "context"), Dockerfile: file, Scratch: filepath.Join(dir, "scratch"),
		Image:    registry.Ref{Registry: address, Repository: "demo/api"},
		Identity: "sha256:" + strings.Repeat("ab", 32),
	}
}

func build(t *testing.T, b builder.Builder, r builder.Request) string {
	t.Helper()
	r.Scratch = t.TempDir()
	digest, err := b.Build(t.Context(), r)
	if err != nil {
		t.Fatal(err, fail.HintOf(err))
	}
	return digest
}

// base pushes an image with a shell, and returns how a Dockerfile gets at it.
func base(t *testing.T, b builder.Builder, address string) map[string]string {
	t.Helper()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs busybox-static: ", err)
	}
	r := request(t, address, "FROM scratch\nCOPY --chmod=0555 --chown=0:0 busybox /bin/busybox\n", map[string]string{"busybox": string(busybox)})
	r.Image.Repository = "demo/base"
	return map[string]string{"shell": r.Image.At(build(t, b, r))}
}

// needRun skips what Buildah can do as root alone.
func needRun(t *testing.T, builder string) {
	t.Helper()
	if builder == "buildah" && os.Geteuid() != 0 {
		t.Skip("buildah needs root for RUN instructions")
	}
}

// waitFor polls until what becomes true; the test's own time limit ends it.
func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for !what() {
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// running reports whether some process has part in its command line.
func running(part string) bool { return len(processes(part)) > 0 }

// kill kills the processes with part in their command line.
func kill(t *testing.T, part string) {
	t.Helper()
	for _, pid := range processes(part) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			t.Error(err)
		}
	}
}

func processes(part string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && strings.Contains(string(line), part) {
			pids = append(pids, pid)
		}
	}
	return pids
}
