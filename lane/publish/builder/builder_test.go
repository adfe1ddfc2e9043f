package builder_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

const copyOnly = "FROM scratch\nCOPY --chmod=0555 --chown=0:0 api /api\nCOPY --chmod=0444 --chown=0:0 ca.pem /etc/ssl/certs/\nUSER 65532:65532\nENTRYPOINT [\"/api\"]\n"

var twoFiles = map[string]string{"api": "a program", "ca.pem": "certificates"}

func TestE5_F5_TwiceOnACleanCache(t *testing.T) {
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

const withRun = `FROM shell
COPY --chmod=0444 --chown=0:0 data /data
RUN ["/bin/busybox","sh","-c","/bin/busybox cat /data > /made; ! /bin/busybox ip -4 addr | /bin/busybox grep -v ' lo$' | /bin/busybox grep inet"]
`

func TestF5_RunHasNoNetwork(t *testing.T) {
	address := startRegistry(t)
	for _, bb := range builders {
		t.Run(bb.name, func(t *testing.T) {
			needRun(t, bb.name)
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
			needRun(t, bb.name)
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
			needRun(t, bb.name)
			b := bb.start(t)
			r := request(t, address, "FROM shell\nRUN [\"/bin/busybox\",\"sleep\",\"1000\"]\n", nil)
			r.Bases = base(t, b, address)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := b.Build(ctx, r)
				done <- err
			}()
			waitFor(t, func() bool { return running("sleep\x001000") || len(done) > 0 })
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) || fail.CodeOf(err) != fail.Interrupted {
				t.Errorf("got %v", err)
			}
			b.Close()
			waitFor(t, func() bool { return !running("sleep\x001000") })
		})
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
