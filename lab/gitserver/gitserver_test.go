package gitserver_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lab/gitserver"
)

// TestPushNeedsThePassword clones without one, and pushes without, with a wrong
// and with the right one, more than git sends at once.
func TestPushNeedsThePassword(t *testing.T) {
	root, work := t.TempDir(), t.TempDir()
	if _, err := gitserver.Create(t.Context(), root, "shop/env"); err != nil {
		t.Fatal(err)
	}
	handler, err := gitserver.Server{Root: root, User: "lane", Password: "right"}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	git := func(args ...string) error {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", work, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1"}
		out, err := cmd.CombinedOutput()
		t.Logf("git %s: %v %s", args[0], err, out)
		return err
	}
	url := server.URL + "/shop/env.git"
	if err := os.WriteFile(filepath.Join(work, "large"), []byte(strings.Repeat("0123456789abcdef", 1<<17)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "--initial-branch=main"}, {"add", "large"}, {"-c", "core.compression=0", "commit", "-m", "large"}} {
		if err := git(args...); err != nil {
			t.Fatal(err)
		}
	}
	as := func(password string) string { return strings.Replace(url, "//", "//lane:"+password+"@", 1) }
	for _, to := range []string{url, as("wrong")} {
		if git("push", to, "main") == nil {
			t.Errorf("pushed to %s", to)
		}
	}
	if err := git("-c", "pack.compression=0", "push", as("right"), "main"); err != nil {
		t.Error(err)
	}
	if err := git("clone", url, filepath.Join(work, "clone")); err != nil {
		t.Error(err)
	}
}

func TestCreateRefusesWaysOut(t *testing.T) {
	for _, name := range []string{"", "../x", "a/../b", "/etc", "-x", "a/b/c", "a b"} {
		if dir, err := gitserver.Create(t.Context(), t.TempDir(), name); err == nil {
			t.Errorf("%q gives %s", name, dir)
		}
	}
}
