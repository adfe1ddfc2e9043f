package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
)

var by = git.Signature{Name: "lane", Email: "lane@example.com", When: time.Unix(1700000000, 0).UTC()}

// run runs git as a user would, without the machine's configuration.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1700000000 +0000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, dir, path, content string) {
	t.Helper()
	name := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// clone is a work tree with the commits of messages, each adding one file.
func clone(t testing.TB, messages ...string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	for _, m := range messages {
		commit(t, dir, m)
	}
	return dir
}

func commit(t testing.TB, dir, message string) string {
	t.Helper()
	write(t, dir, message+".txt", message+"\n")
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-qm", message)
	return run(t, dir, "rev-parse", "HEAD")
}

func open(t testing.TB, dir string) *git.Repo {
	t.Helper()
	repo, err := git.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

func create(t testing.TB) *git.Repo {
	t.Helper()
	repo, err := git.Create(t.Context(), filepath.Join(t.TempDir(), "repo.git"))
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// serve starts a git remote over HTTP and pushes dir's HEAD there as main.
func serve(t testing.TB, dir string) (*scratch.GitRemote, git.Remote) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a git server: not in -short")
	}
	server, err := scratch.StartGitRemote(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if dir != "" {
		run(t, dir, "push", "-q", server.URL, "HEAD:refs/heads/main")
	}
	return server, git.Remote{URL: server.URL}
}

// wantFail checks that err says every part of why, has a hint, and the code.
func wantFail(t testing.TB, err error, code fail.Code, why ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", why)
	}
	if fail.CodeOf(err) != code || fail.HintOf(err) == "" {
		t.Errorf("code %d, hint %q, want code %d and a hint: %v", fail.CodeOf(err), fail.HintOf(err), code, err)
	}
	for _, part := range why {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error has control characters: %q", err)
	}
}
