package scratch_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/scratch"
)

// run runs git as a user would, with the test's own configuration.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func start(t *testing.T, dir string) *scratch.GitRemote {
	t.Helper()
	g, err := scratch.StartGitRemote(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestGitRemoteServesPushAndClone(t *testing.T) {
	dir, work := t.TempDir(), t.TempDir()
	g := start(t, dir)
	run(t, work, "init", "-q", "-b", "main")
	// Above http.postBuffer, so that git sends it in chunks, without a length.
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big)
	if err := os.WriteFile(filepath.Join(work, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, work, "add", "big")
	run(t, work, "commit", "-qm", "one")
	run(t, work, "push", "-q", g.URL, "HEAD:refs/heads/main")

	for _, filter := range []string{"--depth=1", "--filter=blob:none"} {
		clone := filepath.Join(t.TempDir(), "clone")
		run(t, work, "clone", "-q", filter, g.URL, clone)
		got, err := os.ReadFile(filepath.Join(clone, "big"))
		if err != nil || !bytes.Equal(got, big) {
			t.Errorf("clone %s: %d bytes, %v", filter, len(got), err)
		}
	}

	// A second server over the same folder serves what the first received.
	g.Close()
	if refs := run(t, work, "ls-remote", start(t, dir).URL); !strings.HasSuffix(refs, "\trefs/heads/main") {
		t.Errorf("refs after a restart: %q", refs)
	}
}

func TestGitRemoteServesNothingElse(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := strings.TrimSuffix(g.URL, "remote.git")
	for _, path := range []string{"", "other", "remote.git/../other", "remote.git/%2e%2e/other", "remote.git/hooks/x", "remote.git/info/refs?service=git-other"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
}

// Close does not wait for a hook that never ends: it ends the hook.
func TestGitRemoteCloseEndsHooks(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs mkfifo")
	}
	g, work := start(t, t.TempDir()), t.TempDir()
	marker := filepath.Join(work, "hook-runs")
	if err := os.MkdirAll(filepath.Join(g.Dir, "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	hook := "#!/bin/sh\necho x >" + marker + "\nexec sleep 1000\n"
	if err := os.WriteFile(filepath.Join(g.Dir, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "mkfifo", marker).Run(); err != nil {
		t.Fatal(err)
	}
	run(t, work, "init", "-q", "-b", "main")
	run(t, work, "commit", "-q", "--allow-empty", "-m", "one")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	push := exec.CommandContext(ctx, "git", "push", "-q", g.URL, "HEAD:refs/heads/main")
	push.Dir = work
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(marker); err != nil { // returns when the hook runs
		t.Fatal(err)
	}
	g.Close()
	if err := push.Wait(); err == nil {
		t.Error("the push went through")
	}
	if refs := run(t, g.Dir, "for-each-ref"); refs != "" {
		t.Errorf("refs: %q", refs)
	}
}
