package builder

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

// BuildKitVersion is the release of BuildKit that builds and the settings that it
// builds with: others may give other bytes for the same inputs.
const BuildKitVersion = buildKitRelease + " " + settings

const buildKitRelease = "v0.34.2"

const (
	makeHint = "run make deps, which builds BuildKit into bin/, or put it on PATH"
	runcHint = "apt-get install runc"
)

// BuildKitOptions say where BuildKit is.
type BuildKitOptions struct {
	Bin  string // folder with buildkitd, buildctl and runc, looked in before PATH
	Host string // address of a running buildkitd; "" starts one until Close
	Dir  string // folder of the daemon's state and cache, used by one call at a time
	// Rootful runs the daemon without a user namespace. Only root can; RUN
	// instructions that need more than one user id need it.
	Rootful bool
	// Plain are registries that speak plain HTTP, for pulling bases.
	Plain []string
}

// BuildKit builds with a buildkitd.
type BuildKit struct {
	buildctl string
	address  string
	home     string
	daemon   *daemon // nil when it is somebody else's
	cache    *cache  // of the daemon
}

// StartBuildKit connects to a running buildkitd, or starts one that ends with
// Close and, at the latest, with this process. The daemon's version must be
// the one of BuildKitVersion.
func StartBuildKit(ctx context.Context, o BuildKitOptions) (*BuildKit, error) {
	buildctl, err := find(o.Bin, "buildctl", makeHint)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting BuildKit: %w", err)
	}
	b := &BuildKit{buildctl: buildctl, address: o.Host, home: filepath.Join(dir, "home")}
	if err := os.MkdirAll(b.home, 0o700); err != nil {
		return nil, fmt.Errorf("starting BuildKit: %w", err)
	}
	version := ""
	if o.Host == "" {
		o.Dir = dir
		b.cache = &cache{dir: dir, folders: []string{"rootless", "rootful"}}
		if b.daemon, err = startDaemon(ctx, o, b.home, b.cache); err != nil {
			return nil, err
		}
		b.address, version = b.daemon.address, b.daemon.version
	} else if version, err = b.askVersion(ctx); err != nil {
		return nil, err
	}
	if version != buildKitRelease {
		b.Close()
		return nil, fail.Refuse("F5", b.address, "use BuildKit "+buildKitRelease+": another version may give another image; "+makeHint,
			"buildkitd is %q, not %s", fail.Clean(version, 80), buildKitRelease)
	}
	return b, nil
}

// Name implements Builder.
func (b *BuildKit) Name() string { return "buildkit " + BuildKitVersion }

// Close implements Builder.
func (b *BuildKit) Close() {
	if b.daemon != nil {
		b.daemon.stop()
		b.cache.close()
	}
}

// askVersion asks a daemon that somebody else started.
func (b *BuildKit) askVersion(ctx context.Context) (string, error) {
	var out strings.Builder
	words := &child.Tail{}
	cmd := b.command("debug", "info")
	cmd.Stdout, cmd.Stderr = &out, words
	if err := child.Run(ctx, cmd); err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		return "", fail.Fail(b.address, "start buildkitd there, or unset BUILDKIT_HOST to have one started for the call", "asking buildkitd for its version: %w%s", err, words.Text())
	}
	return parseInfo(out.String()), nil
}

// parseInfo is the version in the answer of buildctl debug info, or "".
func parseInfo(out string) string {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "BuildKit:"); ok {
			if f := strings.Fields(rest); len(f) >= 2 {
				return f[1]
			}
		}
	}
	return ""
}

func (b *BuildKit) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.buildctl, append([]string{"--addr", b.address}, args...)...)
	cmd.Env = environment(b.home)
	return cmd
}

// Build implements Builder.
func (b *BuildKit) Build(ctx context.Context, r Request) (string, error) {
	// In a fresh folder: buildctl leaves an old file as it is when a build fails.
	metadata := filepath.Join(r.Scratch, "metadata.json")
	policy := filepath.Join(r.Scratch, "policy.json")
	rules, err := sourcePolicy(r)
	if err == nil {
		err = os.WriteFile(policy, rules, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("building %s: %w", r.Image, err)
	}
	words := &child.Tail{}
	cmd := b.command(buildArgs(r, metadata, policy)...)
	cmd.Stdout, cmd.Stderr = words, words
	if err := child.Run(ctx, cmd); err != nil {
		b.cache.suspect()
		if ctx.Err() != nil {
			return "", fmt.Errorf("building %s: %w", r.Image, err)
		}
		return "", b.explain(r, err, words)
	}
	data, err := os.ReadFile(metadata)
	if err != nil {
		return "", fmt.Errorf("reading what BuildKit built: %w", err)
	}
	digest, err := ParseMetadata(data)
	if err != nil {
		return "", fail.Refuse("F3", r.Image.String(), "see that buildkitd is "+buildKitRelease, "%w", err)
	}
	return digest, nil
}

func buildArgs(r Request, metadata, policy string) []string {
	args := []string{
		"build", "--progress=plain", "--frontend=dockerfile.v0",
		"--local", "context=" + r.Context,
		"--local", "dockerfile=" + filepath.Dir(r.Dockerfile),
		"--opt", "filename=" + filepath.Base(r.Dockerfile),
		"--opt", "platform=" + Platform,
		"--opt", "build-arg:SOURCE_DATE_EPOCH=" + Epoch,
		"--opt", "force-network-mode=none",
		"--opt", "label:" + IdentityLabel + "=" + r.Identity,
	}
	if r.Fresh {
		args = append(args, "--no-cache")
	}
	for _, name := range r.baseNames() {
		args = append(args, "--opt", "context:"+name+"=docker-image://"+r.Bases[name])
	}
	// Attestations stay off: they make an index with a new digest each time. The
	// level is part of the result; 1 takes a third of the time of the default.
	output := "type=image,name=" + r.Image.String() + ",push=true,push-by-digest=true,oci-mediatypes=false," +
		"rewrite-timestamp=true,compression=gzip,compression-level=1"
	if r.plainHTTP() {
		output += ",registry.insecure=true"
	}
	return append(args, "--source-policy-file", policy, "--metadata-file", metadata, "--output", output)
}

// sourcePolicy has BuildKit itself refuse every source but the context and the
// pinned bases.
func sourcePolicy(r Request) ([]byte, error) {
	type selector struct {
		Identifier string `json:"identifier"`
	}
	type rule struct {
		Action   string   `json:"action"`
		Selector selector `json:"selector"`
	}
	rules := []rule{{"DENY", selector{"*"}}, {"ALLOW", selector{"local://*"}}}
	for _, name := range r.baseNames() {
		rules = append(rules, rule{"ALLOW", selector{"docker-image://" + r.Bases[name]}})
	}
	return canon.Marshal(map[string][]rule{"rules": rules})
}

func (b *BuildKit) explain(r Request, err error, words *child.Tail) error {
	var patience time.Duration
	if words.Says("code = Unavailable") { // buildctl lost a daemon whose end may not be known yet
		patience = endTime
	}
	switch {
	case words.Says("denied by policy"):
		return &fail.Error{
			Code: fail.Refused, Rule: "F5", Where: r.Dockerfile,
			Hint: "pin each image of FROM by digest in the images lock file, and copy other things from declared inputs; no # syntax line, no ADD from a URL",
			Err:  fmt.Errorf("the Dockerfile reads something that is not pinned%s", words.Text()),
		}
	case words.Says("no space left on device"):
		return broken(r, "free disk space, then run it again: what is published is not built again", err, words)
	case b.daemon != nil && b.daemon.endsWithin(patience):
		return broken(r, "see the last words of buildkitd", fmt.Errorf("buildkitd ended:%s", b.daemon.words.Text()), words)
	}
	return broken(r, "mend what the last lines name, then run it again: what is published is not built again", err, words)
}

// ParseMetadata is the digest in a metadata file of BuildKit. Anything but one
// schema2 manifest is an error.
func ParseMetadata(data []byte) (string, error) {
	var m struct {
		Digest     string `json:"containerimage.digest"`
		Descriptor struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
		} `json:"containerimage.descriptor"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("BuildKit's metadata is not valid JSON: %s", fail.Clean(err.Error(), 200))
	}
	switch {
	case !canon.IsDigest(m.Digest) || m.Descriptor.Digest != m.Digest:
		return "", fmt.Errorf("BuildKit's metadata names the digest %q of %q", fail.Clean(m.Digest, 100), fail.Clean(m.Descriptor.Digest, 100))
	case m.Descriptor.MediaType != registry.Schema2:
		return "", fmt.Errorf("BuildKit built %q, not a schema2 manifest", fail.Clean(m.Descriptor.MediaType, 100))
	}
	return m.Digest, nil
}
