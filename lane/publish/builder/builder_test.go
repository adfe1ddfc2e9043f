package builder_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
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

const copyOnly = "FROM scratch\nCOPY --chmod=0555 --chown=0:0 api /api\nCOPY --chmod=0444 --chown=0:0 ca.pem /etc/ssl/certs/\nUSER 65532:65532\nENTRYPOINT [\"/api\"]\n"

var twoFiles = map[string]string{"api": "a program", "ca.pem": "certificates"}

func TestF5_TwiceOnACleanCache(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			first := bb.start(t)
			r := request(t, address, copyOnly, twoFiles)
			digest := build(t, first, r)
			if again := build(t, first, r); again != digest {
				t.Errorf("with a warm cache %s, before %s", again, digest)
			}
			// Another folder, other modes, other times, an empty cache.
			other := request(t, address, copyOnly, twoFiles)
			if err := os.Chmod(filepath.Join(other.Context, "api"), 0o600); err != nil {
				t.Fatal(err)
			}
			if again := build(t, bb.start(t), other); again != digest {
				t.Errorf("with an empty cache %s, before %s", again, digest)
			}

			c := client(t)
			if _, err := c.ProveDigest(t.Context(), r.Image, digest); err != nil {
				t.Error(err)
			}
			m, err := c.Manifest(t.Context(), r.Image, digest)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := c.Config(t.Context(), r.Image, m)
			if err != nil || cfg.Labels[builder.IdentityLabel] != r.Identity || cfg.OS+"/"+cfg.Architecture != builder.Platform {
				t.Errorf("config %+v, %v", cfg, err)
			}
			if len(cfg.Labels) != 1 {
				t.Errorf("labels that nobody asked for: %v", cfg.Labels)
			}
		})
	}
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

const withRun = `FROM shell
COPY --chmod=0444 --chown=0:0 data /data
RUN ["/bin/busybox","sh","-c","/bin/busybox cat /data > /made; ! /bin/busybox ip -4 addr | /bin/busybox grep -v ' lo$' | /bin/busybox grep inet"]
`

func TestF5_RunHasNoNetwork(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			b := bb.start(t)
			r := request(t, address, withRun, map[string]string{"data": "x"})
			r.Bases = base(t, b, address)
			digest := build(t, b, r)
			if again := build(t, bb.start(t), r); again != digest {
				t.Errorf("with an empty cache %s, before %s", again, digest)
			}
		})
	}
}

func TestF5_RootlessAndRootfulAgree(t *testing.T) {
	address := startRegistry(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can run a rootful buildkitd")
	}
	dir := stateDir(t)
	rootless := buildKit(t, builder.BuildKitOptions{Dir: dir})
	r := request(t, address, withRun, map[string]string{"data": "x"})
	r.Bases = base(t, rootless, address)
	want := build(t, rootless, r)
	rootless.Close()
	if got := build(t, buildKit(t, builder.BuildKitOptions{Dir: dir, Rootful: true}), r); got != want {
		t.Errorf("rootful %s, rootless %s", got, want)
	}
}

func TestF5_RefusesWhatIsNotPinned(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			b := bb.start(t)
			bases := base(t, b, address)
			for name, dockerfile := range map[string]string{
				"an image by name":            "FROM debian\n",
				"an image by another digest":  "FROM " + address + "/demo/base@sha256:" + strings.Repeat("0", 64) + "\n",
				"a file of another image":     "FROM scratch\nCOPY --from=debian /etc/passwd /\n",
				"a file from the net":         "FROM scratch\nADD http://" + address + "/v2/ /x\n",
				"a frontend":                  "# syntax=" + address + "/demo/frontend\nFROM scratch\nCOPY data /\n",
				"a mount from another image":  "FROM shell\nRUN --mount=from=debian,target=/x [\"/bin/busybox\",\"true\"]\n",
				"a repository from elsewhere": "FROM scratch\nADD https://" + address + "/x.git /x\n",
			} {
				t.Run(name, func(t *testing.T) {
					if bb.name == "buildah" && name == "a frontend" {
						t.Skip("buildah does not know frontends: the line is a comment")
					}
					r := request(t, address, dockerfile, map[string]string{"data": "x"})
					r.Bases = bases
					digest, err := b.Build(t.Context(), r)
					if err == nil {
						t.Fatalf("built %s", digest)
					}
					if bb.name == "buildkit" && (fail.RuleOf(err) != "F5" || fail.CodeOf(err) != fail.Refused) || fail.HintOf(err) == "" {
						t.Errorf("exit %d, hint %q: %v", fail.CodeOf(err), fail.HintOf(err), err)
					}
				})
			}
		})
	}
}

func TestFailedBuildShowsItsLastWords(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			b := bb.start(t)
			r := request(t, address, "FROM shell\nRUN [\"/bin/busybox\",\"sh\",\"-c\",\"printf 'the reas\\\\033[31mon\\\\n'; exit 3\"]\n", nil)
			r.Bases = base(t, b, address)
			_, err := b.Build(t.Context(), r)
			if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || !strings.Contains(err.Error(), "the reas?[31mon") {
				t.Errorf("got %v", err)
			}
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("control characters reach the terminal: %q", err)
			}

			r = request(t, address, "FROM scratch\nCOPY missing /\n", nil)
			if _, err := b.Build(t.Context(), r); err == nil || !strings.Contains(err.Error(), "missing") {
				t.Errorf("got %v", err)
			}
			r = request(t, "127.0.0.1:1", copyOnly, twoFiles)
			if _, err := b.Build(t.Context(), r); fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestContextEndsABuild(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			b := bb.start(t)
			r := request(t, address, "FROM shell\nRUN [\"/bin/busybox\",\"sleep\",\"1000\"]\n", nil)
			r.Bases = base(t, b, address)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := b.Build(ctx, r)
				done <- err
			}()
			waitFor(t, func() bool { return running("sleep\x001000") })
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) || fail.CodeOf(err) != fail.Interrupted {
				t.Errorf("got %v", err)
			}
			b.Close()
			waitFor(t, func() bool { return !running("sleep\x001000") })
		})
	}
}

func TestRunningBuildKit(t *testing.T) {
	address := startRegistry(t)
	dir := stateDir(t)
	buildKit(t, builder.BuildKitOptions{Dir: dir})
	b := buildKit(t, builder.BuildKitOptions{Host: "unix://" + filepath.Join(dir, "buildkitd.sock")})
	build(t, b, request(t, address, copyOnly, twoFiles))

	_, err := builder.StartBuildKit(t.Context(), builder.BuildKitOptions{Bin: bin(), Dir: stateDir(t), Host: "unix:///no/such.sock"})
	if fail.CodeOf(err) != fail.Failed || !strings.Contains(fail.HintOf(err), "BUILDKIT_HOST") {
		t.Errorf("got %v, hint %q", err, fail.HintOf(err))
	}
}

func TestBuildersThatAreNotThere(t *testing.T) {
	full, err := filepath.Abs(bin())
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	t.Setenv("PATH", programs)
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(err error, where, hint string) {
		t.Helper()
		if fail.CodeOf(err) != fail.Failed || !strings.HasPrefix(err.Error(), where) || !strings.Contains(fail.HintOf(err), hint) {
			t.Errorf("got %v, hint %q; want %s, %q", err, fail.HintOf(err), where, hint)
		}
	}
	start := func() error {
		_, err := builder.StartBuildKit(t.Context(), builder.BuildKitOptions{Dir: stateDir(t)})
		return err
	}
	want(start(), "buildctl", "make deps")
	link(filepath.Join(full, "buildctl"), "buildctl")
	if _, err := exec.LookPath("buildctl"); err != nil {
		t.Skip("needs BuildKit: ", err)
	}
	want(start(), "buildkitd", "make deps")
	link(filepath.Join(full, "buildkitd"), "buildkitd")
	want(start(), "runc", "apt-get install runc")
	_, err = builder.StartBuildah(t.Context(), builder.BuildahOptions{Dir: stateDir(t)})
	want(err, "buildah", "apt-get install buildah")
}

// Another version is refused: it may give other bytes for the same inputs.
func TestF5_RefusesAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"buildctl": "#!/bin/sh\necho 'BuildKit:   github.com/moby/buildkit v0.12.0 abc'\n",
		"buildah":  "#!/bin/sh\necho 'buildah version 1.40.0 (image-spec 1)'\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := builder.StartBuildKit(t.Context(), builder.BuildKitOptions{Bin: dir, Host: "unix:///there.sock", Dir: stateDir(t)})
	if fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), `"v0.12.0", not v0.34.2`) {
		t.Errorf("BuildKit: %v", err)
	}
	_, err = builder.StartBuildah(t.Context(), builder.BuildahOptions{Bin: dir, Dir: stateDir(t)})
	if fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), "1.40.0") {
		t.Errorf("buildah: %v", err)
	}
}

func TestStateFolderThatCannotBe(t *testing.T) {
	if testing.Short() {
		t.Skip("needs BuildKit")
	}
	long := filepath.Join(stateDir(t), strings.Repeat("x", 100))
	_, err := builder.StartBuildKit(t.Context(), builder.BuildKitOptions{Bin: bin(), Dir: long})
	if err == nil || !strings.Contains(fail.HintOf(err), "shorter") && !strings.Contains(fail.HintOf(err), "make deps") {
		t.Errorf("a long path gives %v", err)
	}
	file := filepath.Join(stateDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := builder.StartBuildKit(t.Context(), builder.BuildKitOptions{Bin: bin(), Dir: filepath.Join(file, "x")}); err == nil {
		t.Error("a file in place of the folder is no error")
	}
}

func FuzzParseMetadata(f *testing.F) {
	d := "sha256:" + strings.Repeat("ab", 32)
	f.Add([]byte(`{"containerimage.digest":"` + d + `","containerimage.descriptor":{"mediaType":"` + registry.Schema2 + `","digest":"` + d + `"}}`))
	f.Add([]byte(`{"containerimage.descriptor":{"mediaType":"` + registry.OCIIndex + `"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		digest, err := builder.ParseMetadata(data)
		if (err == nil) != strings.HasPrefix(digest, "sha256:") {
			t.Errorf("%q, %v", digest, err)
		}
	})
}

// running reports whether some process has part in its command line.
func running(part string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(files, func(file string) bool {
		line, _ := os.ReadFile(file)
		return strings.Contains(string(line), part)
	})
}
