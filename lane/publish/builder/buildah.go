package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

// BuildahVersion is the release of Buildah that builds and the settings that it
// builds with: others may give other bytes for the same inputs.
const BuildahVersion = buildahRelease + " " + settings

const (
	buildahRelease = "1.28.2"
	buildahHint    = "apt-get install buildah, of Debian 12"
)

// BuildahOptions say where Buildah is.
type BuildahOptions struct {
	Bin      string           // folder with buildah, looked in before PATH
	Dir      string           // folder of its images and layers
	Registry *registry.Client // pushes what was built
}

// Buildah builds with the buildah program: one process for each step, no daemon.
type Buildah struct {
	program  string
	dir      string
	env      []string
	registry *registry.Client
	cache    *cache
}

// StartBuildah finds the program, whose version must be the one of
// BuildahVersion.
func StartBuildah(ctx context.Context, o BuildahOptions) (*Buildah, error) {
	program, err := find(o.Bin, "buildah", buildahHint)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting buildah: %w", err)
	}
	b := &Buildah{program: program, dir: dir, registry: o.Registry, cache: &cache{dir: dir, folders: []string{"root", "run"}}}
	if err := b.cache.open(ctx); err != nil {
		return nil, err
	}
	const registries = "home/.config/containers/registries.d"
	for _, sub := range []string{"root", "run", registries} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("starting buildah: %w", err)
		}
	}
	// Its configuration is ours alone: what the machine has could change images.
	for name, content := range map[string]string{
		"policy.json": `{"default":[{"type":"insecureAcceptAnything"}]}`, "registries.conf": "", "containers.conf": "", "auth.json": "{}",
		registries + "/default.yaml": "default-docker: {sigstore: \"file://" + dir + "/signatures\"}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("starting buildah: %w", err)
		}
	}
	b.env = append(environment(filepath.Join(dir, "home")),
		"CONTAINERS_REGISTRIES_CONF="+filepath.Join(dir, "registries.conf"),
		"CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"),
		"REGISTRY_AUTH_FILE="+filepath.Join(dir, "auth.json"),
	)

	var out strings.Builder
	cmd := exec.Command(program, "--version")
	cmd.Env, cmd.Stdout = b.env, &out
	if err := child.Run(ctx, cmd); err != nil {
		return nil, fmt.Errorf("asking buildah for its version: %w", err)
	}
	if f := strings.Fields(out.String()); len(f) < 3 || f[2] != buildahRelease {
		return nil, fail.Refuse("F5", program, "use Buildah "+buildahRelease+": another version may give another image; "+buildahHint,
			"it is %q, not %s", fail.Clean(strings.TrimSpace(out.String()), 80), buildahRelease)
	}
	return b, nil
}

// Name implements Builder.
func (b *Buildah) Name() string { return "buildah " + BuildahVersion }

// Close implements Builder.
func (b *Buildah) Close() { b.cache.close() }

// Build implements Builder.
func (b *Buildah) Build(ctx context.Context, r Request) (string, error) {
	policy := filepath.Join(b.dir, "policy.json")
	for _, name := range r.baseNames() {
		args := []string{"pull", "--signature-policy", policy, "--policy", "missing"}
		if registry.Loopback(r.Bases[name][:strings.IndexByte(r.Bases[name]+"/", '/')]) || r.Insecure {
			args = append(args, "--tls-verify=false")
		}
		if err := b.run(ctx, r, true, append(args, "docker://"+r.Bases[name])...); err != nil {
			return "", err
		}
	}

	id := filepath.Join(r.Scratch, "image-id")
	if err := b.run(ctx, r, false, budArgs(r, policy, id)...); err != nil {
		return "", err
	}
	data, err := os.ReadFile(id)
	if err != nil {
		return "", fmt.Errorf("reading what buildah built: %w", err)
	}
	image := strings.TrimSpace(string(data))
	if !canon.IsDigest(image) {
		return "", fmt.Errorf("reading what buildah built: %q is no image id", fail.Clean(image, 100))
	}
	defer func() {
		// The image is in the registry; the copy here only takes room.
		_ = b.run(context.WithoutCancel(ctx), r, true, "rmi", "--force", strings.TrimPrefix(image, "sha256:"))
	}()

	dir := filepath.Join(r.Scratch, "image")
	if err := b.run(ctx, r, true, "push", "--signature-policy", policy, "--format", "v2s2", strings.TrimPrefix(image, "sha256:"), "dir:"+dir); err != nil {
		return "", err
	}
	return pushFolder(ctx, b.registry, r.Image, dir)
}

func budArgs(r Request, policy, id string) []string {
	args := []string{
		"bud", "--signature-policy", policy, "--isolation", "chroot", "--layers=false", "--pull-never",
		// The docker format is not reproducible in this version; the push converts.
		"--format", "oci", "--timestamp", Epoch, "--platform", Platform,
		"--identity-label=false", "--label", IdentityLabel + "=" + r.Identity,
		"--iidfile", id, "--file", r.Dockerfile,
	}
	for _, name := range r.baseNames() {
		args = append(args, "--build-context", name+"=docker-image://"+r.Bases[name])
	}
	return append(args, r.Context)
}

// run runs one step. All of them are root over the same storage; only what pulls
// and pushes has a network, so that no instruction can fetch.
func (b *Buildah) run(ctx context.Context, r Request, network bool, args ...string) error {
	words := &child.Tail{}
	cmd := exec.Command(b.program, append([]string{
		"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs",
	}, args...)...)
	cmd.Env, cmd.Dir = b.env, r.Scratch
	cmd.Stdout, cmd.Stderr = words, words
	cmd.SysProcAttr = rootWithNetwork(network)
	err := child.Run(ctx, cmd)
	if err == nil {
		return nil
	}
	b.cache.suspect()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("building %s: %w", r.Image, err)
	case errors.Is(err, syscall.EPERM):
		return fail.Fail(b.program, "run as root with CAP_SYS_ADMIN, allow user namespaces, or build with BuildKit", "a network that leads nowhere cannot be made for the build: %w", err)
	case words.Says("image not known"):
		return &fail.Error{
			Code: fail.Refused, Rule: "F5", Where: r.Dockerfile, Hint: "pin each image of FROM by digest in the images lock file",
			Err: fmt.Errorf("the Dockerfile begins with an image that is not pinned%s", words.Text()),
		}
	case words.Says("setting supplemental groups"):
		return broken(r, "run as root, or build with BuildKit, which runs RUN instructions without root", err, words)
	case words.Says("no space left on device"):
		return broken(r, "free disk space, then run it again: what is published is not built again", err, words)
	}
	return broken(r, "mend what the last lines name, then run it again: what is published is not built again", err, words)
}
