package lanes

import (
	"os"
	"path/filepath"
	"testing"
)

// What the lab writes is there once, however often and in whatever order it was there.
func TestAdaptIntent(t *testing.T) {
	const want = `{"cluster": {"host": "vm", "worktreeRoot": "/lab"}, "source": {"repository": "http://git"}, "ci": {"noProxy": [".x"],
    "signers": ["key"],
    "seccompProfile": "lane/x.json"}}`
	for _, before := range []string{
		`{"cluster": {"host": "K7", "worktreeRoot": "/srv"}, "source": {"repository": "git@x:y"}, "ci": {"noProxy": [".x"]}}`,
		`{"cluster": {"host": "K7", "worktreeRoot": "/srv"}, "source": {"repository": "git@x:y"}, "ci": {"noProxy": [".x"], "signers": ["a", "b"]}}`,
		`{"cluster": {"host": "K7", "worktreeRoot": "/srv"}, "source": {"repository": "git@x:y"}, "ci": {"noProxy": [".x"], "seccompProfile": "y.json", "signers": []}}`,
		want,
	} {
		file := filepath.Join(t.TempDir(), "deploy.json")
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := adaptIntent(file, differs{host: "vm", root: "/lab", repository: "http://git", signer: "key", profile: "lane/x.json"}); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(after) != want {
			t.Errorf("%s becomes\n%s", before, after)
		}
	}
}

func TestMoveWorktree(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lane.md")
	if err := os.WriteFile(file, []byte("| source | `K7:/srv/x-v01` |\n| tasks | `K7:/srv/x-v01/.worktree/{task}` |\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "| source | `vm:/lab/x-v01` |\n| tasks | `vm:/lab/x-v01/.worktree/{task}` |\n"
	for range 2 { // it may be there already
		if err := moveWorktree(file, "K7:/srv/x-v01", "vm:/lab/x-v01"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
	if moveWorktree(file, "K7:/srv/y-v01", "vm:/lab/y-v01") == nil {
		t.Error("a page that does not say where the work tree is was taken")
	}
}
