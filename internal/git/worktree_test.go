package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/git"
)

func TestState(t *testing.T) {
	dir := t.TempDir()
	do := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state := func() git.WorkTreeState {
		t.Helper()
		repo, err := git.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := repo.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	do("init", "-q", "-b", "v0.3")
	write("kept", "1")
	write(".gitignore", "ignored\n")
	do("add", "-A")
	do("commit", "-q", "-m", "first")
	write("ignored", "x")
	clean := state()
	if clean.Ref != "refs/heads/v0.3" || len(clean.Head) != 40 || len(clean.Changes) > 0 {
		t.Errorf("clean: %+v", clean)
	}
	write("kept", "2")
	write("a new one", "x")
	write("staged", "x")
	do("add", "staged")
	if diff := cmp.Diff([]string{" M kept", "A  staged", "?? a new one"}, state().Changes); diff != "" {
		t.Error(diff)
	}
	do("checkout", "-q", "--detach")
	if s := state(); s.Ref != "" || s.Head != clean.Head {
		t.Errorf("detached: %+v", s)
	}
	bare, err := git.Create(t.Context(), filepath.Join(t.TempDir(), "bare.git"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.State(t.Context()); err == nil {
		t.Error("a bare repository has a state")
	}
}
