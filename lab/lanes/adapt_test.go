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
