package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

func TestOpenFindsEveryKindOfRepository(t *testing.T) {
	dir := clone(t, "one")
	head := run(t, dir, "rev-parse", "HEAD")
	write(t, dir, "sub/folder/x", "x")
	linked := filepath.Join(t.TempDir(), "linked")
	run(t, dir, "worktree", "add", "-q", "--detach", linked)
	bare := filepath.Join(t.TempDir(), "bare.git")
	run(t, dir, "clone", "-q", "--bare", ".", bare)
	top, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, workTree string }{
		{"work tree", dir, top},
		{"subfolder", filepath.Join(dir, "sub/folder"), top},
		{"linked work tree", linked, linked},
		{"bare", bare, ""},
		{"git folder", filepath.Join(dir, ".git"), ""},
	} {
		repo, err := git.Open(t.Context(), tt.dir)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, err := repo.Resolve(t.Context(), "HEAD")
		if got != head || err != nil || repo.WorkTree != tt.workTree {
			t.Errorf("%s: HEAD is %q (%v), work tree %q, want %q and %q", tt.name, got, err, repo.WorkTree, head, tt.workTree)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", "x")
	sha256 := t.TempDir()
	run(t, sha256, "init", "-q", "--object-format=sha256")
	broken := t.TempDir()
	run(t, broken, "init", "-q")
	write(t, broken, ".git/config", "[core\n")
	for _, tt := range []struct{ name, dir, why string }{
		{"no repository", dir, "not a git repository"},
		{"no folder", filepath.Join(dir, "missing"), "no such file"},
		{"a file", filepath.Join(dir, "file"), "not a folder"},
		{"sha256", sha256, "object format is sha256"},
		{"broken configuration", broken, "bad config"},
	} {
		_, err := git.Open(t.Context(), tt.dir)
		wantFail(t, err, fail.Failed, tt.dir, tt.why)
	}
}

// The environment of a git hook, of a rebase or of an attacker does not point
// the package at another repository.
func TestOpenIgnoresTheEnvironment(t *testing.T) {
	dir, other := clone(t, "one"), clone(t, "other")
	head := run(t, dir, "rev-parse", "HEAD")
	for _, kv := range [][2]string{
		{"GIT_DIR", filepath.Join(other, ".git")},
		{"GIT_WORK_TREE", other},
		{"GIT_INDEX_FILE", "/nowhere"},
		{"GIT_OBJECT_DIRECTORY", "/nowhere"},
		{"GIT_COMMON_DIR", "/nowhere"},
		{"GIT_NAMESPACE", "x"},
		{"GIT_SHALLOW_FILE", "/nowhere"},
		{"GIT_TRACE", "1"},
		{"GIT_EXTERNAL_DIFF", "false"},
		{"LC_ALL", "de_DE.UTF-8"},
	} {
		t.Setenv(kv[0], kv[1])
	}
	got, err := open(t, dir).Resolve(t.Context(), "HEAD")
	if got != head || err != nil {
		t.Errorf("HEAD is %q (%v), want %q", got, err, head)
	}
}

// Replace refs and grafts could show another history than the commit's.
func TestOpenIgnoresReplacedObjects(t *testing.T) {
	dir := clone(t, "one", "two")
	first, second := run(t, dir, "rev-parse", "HEAD~1"), run(t, dir, "rev-parse", "HEAD")
	run(t, dir, "replace", second, first)
	write(t, dir, ".git/info/grafts", second+"\n")
	repo := open(t, dir)
	if got, err := repo.Commit(t.Context(), second); err != nil || strings.TrimSpace(got.Message) != "two" {
		t.Errorf("the commit is %+v, %v", got, err)
	}
	if ok, err := repo.IsAncestor(t.Context(), first, second); !ok || err != nil {
		t.Errorf("ancestor: %v, %v", ok, err)
	}
}

func TestHooksDoNotRun(t *testing.T) {
	repo := create(t)
	marker := filepath.Join(t.TempDir(), "ran")
	write(t, repo.GitDir, "hooks/reference-transaction", "#!/bin/sh\necho x >"+marker+"\n")
	if err := os.Chmod(filepath.Join(repo.GitDir, "hooks/reference-transaction"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, remote := serve(t, clone(t, "one"))
	if _, err := repo.Fetch(t.Context(), remote, mainRef, "refs/lane/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a hook ran")
	}
}

func TestGitMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := git.Open(t.Context(), ".")
	wantFail(t, err, fail.Failed, "the git program is not there")
}
