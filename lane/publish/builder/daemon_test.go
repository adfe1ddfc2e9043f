package builder_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// A daemon that somebody kills is a failure that says so.
func TestDaemonThatEnds(t *testing.T) {
	address := startRegistry(t)
	dir := stateDir(t)
	b := buildKit(t, builder.BuildKitOptions{Dir: dir})
	r := request(t, address, "FROM shell\nRUN [\"/bin/busybox\",\"sleep\",\"2000\"]\n", nil)
	r.Bases = base(t, b, address)
	done := make(chan error, 1)
	go func() {
		_, err := b.Build(t.Context(), r)
		done <- err
	}()
	waitFor(t, func() bool { return running("sleep\x002000") || len(done) > 0 })
	kill(t, "--root\x00"+filepath.Join(dir, "rootless"))
	if err := <-done; fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "buildkitd ended") {
		t.Errorf("got %v", err)
	}
	kill(t, "sleep\x002000")
}

// What a killed call left running is ended by the next one with the same folder.
func TestDaemonThatWasLeftBehind(t *testing.T) {
	address := startRegistry(t)
	dir := stateDir(t)
	r := request(t, address, copyOnly, twoFiles)
	want := build(t, buildKit(t, builder.BuildKitOptions{Dir: dir}), r)
	if got := build(t, buildKit(t, builder.BuildKitOptions{Dir: dir}), r); got != want {
		t.Errorf("then %s, before %s", got, want)
	}
}

// A daemon of somebody else's must say its version; one that was built without
// it cannot be used.
func TestRunningBuildKit(t *testing.T) {
	address := startRegistry(t)
	dir := stateDir(t)
	buildKit(t, builder.BuildKitOptions{Dir: dir})
	o := builder.BuildKitOptions{Bin: bin(), Host: "unix://" + filepath.Join(dir, "buildkitd.sock"), Dir: stateDir(t)}
	b, err := builder.StartBuildKit(t.Context(), o)
	if err == nil {
		t.Cleanup(b.Close)
		build(t, b, request(t, address, copyOnly, twoFiles))
	} else if fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), `"v0.0.0+unknown", not v0.34.2`) {
		t.Error(err)
	}

	o.Host = "unix:///no/such.sock"
	_, err = builder.StartBuildKit(t.Context(), o)
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
