package tree

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// open commits files and gives some of them other modes.
func open(t *testing.T, files, modes map[string]string) *Tree {
	t.Helper()
	repo, err := git.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put := map[string][]byte{}
	for path, data := range files {
		put[path] = []byte(data)
	}
	commit, err := repo.WriteCommit(t.Context(), git.NewCommit{
		Put: put, Message: "test",
		By: git.Signature{Name: "test", Email: "test@example.org", When: time.Unix(1700000000, 0).UTC()},
	})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := repo.Blobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	tr, err := Open(commit, blobs)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range tr.entries {
		if mode := modes[e.Path]; mode != "" {
			tr.entries[i].Mode = mode
		}
	}
	return tr
}

func TestTreeLooksLikeFolders(t *testing.T) {
	tr := open(t, map[string]string{
		"a": "1", "b/c": "2", "b.c": "3", "b/d/e": "4", "b/d.e": "5", "module": "", "é/ü": "6",
	}, map[string]string{"module": git.ModeSubmodule})
	children := func(dir string) string {
		var list []string
		for c := range tr.Children(dir) {
			if c.IsDir {
				c.Name += "/"
			}
			list = append(list, c.Name)
		}
		return strings.Join(list, " ")
	}
	for dir, want := range map[string]string{".": "a b.c b/ module/ é/", "b": "c d.e d/", "b/d": "e", "a": "", "module": "", "none": "", "é": "ü"} {
		if got := children(dir); got != want {
			t.Errorf("%s holds %q, want %q", dir, got, want)
		}
	}
	for path, want := range map[string]bool{".": true, "b": true, "b/d": true, "module": true, "a": false, "b.c": false, "none": false, "b/": false, "": false} {
		if tr.IsDir(path) != want {
			t.Errorf("IsDir(%q) is %v", path, !want)
		}
	}
	var below []string
	for _, e := range tr.Below("b") {
		below = append(below, e.Path)
	}
	if diff := cmp.Diff([]string{"b/c", "b/d.e", "b/d/e"}, below); diff != "" {
		t.Errorf("below b (-want +got):\n%s", diff)
	}
	if data, err := tr.Read("b/d/e", 1); err != nil || string(data) != "4" {
		t.Errorf("b/d/e is %q, %v", data, err)
	}
	for path, want := range map[string]string{"none": "none: it is not in commit", "b": "b: it is not in commit", "module": "a submodule cannot be read by a build"} {
		if _, err := tr.Read(path, 10); err == nil || !strings.Contains(err.Error(), want) || fail.HintOf(err) == "" {
			t.Errorf("reading %s: %v", path, err)
		}
	}
}

// TestMaterializeWritesFilesAlone: fixed modes whatever the umask is, and nothing
// outside the folder.
func TestMaterializeWritesFilesAlone(t *testing.T) {
	tr := open(t, map[string]string{"a/run": "#!", "a/text": "x", "link": "a/text"}, map[string]string{"a/run": git.ModeExecutable, "link": git.ModeSymlink})
	link, err := tr.Follow(tr.entries[2])
	if err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := t.TempDir()
	if err := tr.Materialize(dir, append(tr.Below("a"), link)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"a": os.ModeDir | 0o755, "a/run": 0o755, "a/text": 0o644, "link": 0o644} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s has the mode %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	for _, path := range []string{"../outside", "/outside", "a/../../outside"} {
		outside := tr.entries[1]
		outside.Path = path
		if err := tr.Materialize(dir, []git.Entry{outside}); err == nil {
			t.Errorf("%s is written outside the folder", path)
		}
	}
}
