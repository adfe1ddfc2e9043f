package git_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
)

func TestResolve(t *testing.T) {
	dir := clone(t, "one", "two")
	first, second := run(t, dir, "rev-parse", "HEAD~1"), run(t, dir, "rev-parse", "HEAD")
	run(t, dir, "tag", "-a", "-m", "x", "annotated", first)
	repo := open(t, dir)
	for rev, want := range map[string]string{
		"HEAD": second, "HEAD~1": first, "main": second, "refs/heads/main": second, second: second, first[:8]: first,
		"annotated": first, "main^{/one}": first,
	} {
		got, err := repo.Resolve(t.Context(), rev)
		if got != want || err != nil {
			t.Errorf("%s is %q (%v), want %q", rev, got, err, want)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	dir := clone(t, "one", "two")
	run(t, dir, "branch", "v0.1")
	run(t, dir, "tag", "v0.1", "HEAD~1")
	abbreviated := ambiguous(t, dir)
	repo := open(t, dir)
	for _, tt := range []struct {
		rev  string
		code fail.Code
		why  string
	}{
		{"", fail.Usage, "not a revision"},
		{"--all", fail.Usage, "not a revision"},
		{"-h", fail.Usage, "not a revision"},
		{"HEAD\n", fail.Usage, "not a revision"},
		{"missing", fail.Failed, "no such commit"},
		{strings.Repeat("1", 40), fail.Failed, "no such commit"},
		{"HEAD~7", fail.Failed, "no such commit"},
		{"HEAD^{tree}", fail.Failed, "it is a tree"},
		{"HEAD:one.txt", fail.Failed, "it is a blob"},
		{"v0.1", fail.Failed, "a branch and a tag"},
		{abbreviated, fail.Failed, "objects begin like this"},
	} {
		_, err := repo.Resolve(t.Context(), tt.rev)
		wantFail(t, err, tt.code, tt.why)
	}
}

// ambiguous makes two commits whose ids begin with the same four digits.
func ambiguous(t *testing.T, dir string) string {
	t.Helper()
	var in strings.Builder
	for i := range 600 {
		fmt.Fprintf(&in, "commit refs/heads/many\nmark :%d\ncommitter a <a@example.com> 1700000000 +0000\ndata 5\n%05d\n", i+1, i)
	}
	load := exec.Command("git", "-C", dir, "fast-import", "--quiet")
	load.Stdin = strings.NewReader(in.String())
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen := map[string]bool{}
	for id := range strings.FieldsSeq(run(t, dir, "rev-list", "many")) {
		if seen[id[:4]] {
			return id[:4]
		}
		seen[id[:4]] = true
	}
	t.Fatal("no two of 600 commits begin alike")
	return ""
}

func TestIsAncestor(t *testing.T) {
	dir := clone(t, "one", "two")
	first, second := run(t, dir, "rev-parse", "HEAD~1"), run(t, dir, "rev-parse", "HEAD")
	run(t, dir, "checkout", "-q", "--orphan", "other")
	other := commit(t, dir, "other")
	missing := strings.Repeat("1", 40)
	repo := open(t, dir)
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{first, second, true},
		{first, first, true},
		{second, first, false},
		{other, second, false},
		{missing, second, false}, // in a whole history: it cannot be in it
	} {
		got, err := repo.IsAncestor(t.Context(), tt.a, tt.b)
		if got != tt.want || err != nil {
			t.Errorf("%.7s in %.7s: %v, %v, want %v", tt.a, tt.b, got, err, tt.want)
		}
	}
	_, err := repo.IsAncestor(t.Context(), second, missing)
	wantFail(t, err, fail.Failed, "no such commit")
	if _, err := repo.IsAncestor(t.Context(), "HEAD", second); err == nil {
		t.Error("a name was taken for an id")
	}
}

// In a shallow clone a yes is known, a no is not.
func TestIsAncestorInShallowClone(t *testing.T) {
	dir := clone(t, "one", "two", "three", "four")
	ids := strings.Fields(run(t, dir, "rev-list", "HEAD"))
	cut := filepath.Join(t.TempDir(), "cut")
	run(t, dir, "clone", "-q", "--depth=2", "file://"+dir, cut)
	repo := open(t, cut)
	if ok, err := repo.IsAncestor(t.Context(), ids[1], ids[0]); !ok || err != nil {
		t.Errorf("parent: %v, %v", ok, err)
	}
	for _, pair := range [][2]string{{ids[3], ids[0]}, {ids[0], ids[1]}} {
		_, err := repo.IsAncestor(t.Context(), pair[0], pair[1])
		wantFail(t, err, fail.Failed, "history of this clone is cut")
		if !strings.Contains(fail.HintOf(err), "--unshallow") {
			t.Errorf("hint: %q", fail.HintOf(err))
		}
	}
	_, err := repo.Resolve(t.Context(), ids[3])
	wantFail(t, err, fail.Failed, "history of this clone is cut")
}
