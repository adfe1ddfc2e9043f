package git_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/git"
)

// files are the content of a commit by path.
func files(t testing.TB, repo *git.Repo, commit string) map[string]string {
	t.Helper()
	entries, err := repo.Tree(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		data, err := repo.ReadFile(t.Context(), commit, e.Path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Path] = string(data)
	}
	return got
}

func writeCommit(t testing.TB, repo *git.Repo, c git.NewCommit) string {
	t.Helper()
	c.By = by
	id, err := repo.WriteCommit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestWriteCommit(t *testing.T) {
	repo := create(t)
	odd := "d/\"späce\" \\ \n\x01"
	first := writeCommit(t, repo, git.NewCommit{Message: "one\n", Put: map[string][]byte{
		"a": []byte("a"), "d/x": []byte("x"), "e": nil, odd: []byte("D a\nM 100644 inline b\n"),
	}})
	if diff := cmp.Diff(map[string]string{"a": "a", "d/x": "x", "e": "", odd: "D a\nM 100644 inline b\n"}, files(t, repo, first)); diff != "" {
		t.Error(diff)
	}
	// A file makes room for a folder and a folder for a file.
	c := git.NewCommit{
		Parent: first, Message: "two\n\nA: b\n",
		Put: map[string][]byte{"a/b": []byte("b"), "d": []byte("d")}, Delete: []string{"a", "d/x", odd, "missing"},
	}
	second := writeCommit(t, repo, c)
	if diff := cmp.Diff(map[string]string{"a/b": "b", "d": "d", "e": ""}, files(t, repo, second)); diff != "" {
		t.Error(diff)
	}
	got, err := repo.Commit(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	want := git.Commit{ID: second, Tree: got.Tree, Parents: []string{first}, Author: by, Committer: by, Message: "two\n\nA: b\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again := writeCommit(t, repo, c); again != second {
		t.Errorf("the same commit has the ids %s and %s", second, again)
	}
	if other := writeCommit(t, create(t), git.NewCommit{Message: "one\n", Put: map[string][]byte{"a": []byte("a")}}); other == first {
		t.Error("different commits have one id")
	}
	run(t, repo.GitDir, "fsck", "--strict", "--no-dangling", second)
	if refs := run(t, repo.GitDir, "for-each-ref"); refs != "" {
		t.Errorf("refs were made: %s", refs)
	}
}

// A branch that happens to have the name fast-import works under does not matter.
func TestWriteCommitLeavesRefsAlone(t *testing.T) {
	repo := create(t)
	first := writeCommit(t, repo, git.NewCommit{Message: "one", Put: map[string][]byte{"a": nil}})
	run(t, repo.GitDir, "update-ref", "refs/lane/unwritten", first)
	second := writeCommit(t, repo, git.NewCommit{Message: "two", Put: map[string][]byte{"b": nil}})
	if diff := cmp.Diff(map[string]string{"b": ""}, files(t, repo, second)); diff != "" {
		t.Error(diff)
	}
	if got, err := repo.Ref(t.Context(), "refs/lane/unwritten"); got != first || err != nil {
		t.Errorf("the ref is %q, %v", got, err)
	}
}

func TestWriteCommitRefuses(t *testing.T) {
	repo := create(t)
	good := git.NewCommit{Message: "m", By: by}
	for name, edit := range map[string]func(*git.NewCommit){
		"leaves the tree":   func(c *git.NewCommit) { c.Put = map[string][]byte{"../x": nil} },
		"absolute":          func(c *git.NewCommit) { c.Put = map[string][]byte{"/x": nil} },
		"empty path":        func(c *git.NewCommit) { c.Put = map[string][]byte{"": nil} },
		"git folder":        func(c *git.NewCommit) { c.Put = map[string][]byte{"a/.git/config": nil} },
		"NUL":               func(c *git.NewCommit) { c.Delete = []string{"a\x00b"} },
		"deletes all":       func(c *git.NewCommit) { c.Delete = []string{""} },
		"short parent":      func(c *git.NewCommit) { c.Parent = "abc" },
		"unknown parent":    func(c *git.NewCommit) { c.Parent = strings.Repeat("1", 40) },
		"no name":           func(c *git.NewCommit) { c.By.Name = "" },
		"line in the name":  func(c *git.NewCommit) { c.By.Name = "a\ncommitter b" },
		"angle in the mail": func(c *git.NewCommit) { c.By.Email = "a> 1 +0000" },
		"NUL message":       func(c *git.NewCommit) { c.Message = "a\x00b" },
	} {
		c := good
		edit(&c)
		if id, err := repo.WriteCommit(t.Context(), c); err == nil || id != "" {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestWriteCommitCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := create(t).WriteCommit(ctx, git.NewCommit{Message: "m", By: by, Put: map[string][]byte{"a": make([]byte, 1<<20)}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWriteCommitBrokenRepository(t *testing.T) {
	repo := create(t)
	if err := os.RemoveAll(filepath.Join(repo.GitDir, "objects")); err != nil {
		t.Fatal(err)
	}
	write(t, repo.GitDir, "objects", "")
	_, err := repo.WriteCommit(t.Context(), git.NewCommit{Message: "m", By: by, Put: map[string][]byte{"a": make([]byte, 1<<20)}})
	if err == nil {
		t.Error("no error")
	}
}
