package golang

import (
	"maps"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// open commits the files of a txtar archive, and over them those of links as
// symbolic links or submodules, and opens that commit.
func open(t *testing.T, archive string, links map[string]string) *tree.Tree {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = f.Data
	}
	return openFiles(t, files, links)
}

func openFiles(t *testing.T, files map[string][]byte, links map[string]string) *tree.Tree {
	t.Helper()
	repo, err := git.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put := maps.Clone(files)
	for at, to := range links {
		put[at] = []byte(to)
	}
	commit, err := repo.WriteCommit(t.Context(), git.NewCommit{
		Put: put, Message: "test",
		By: git.Signature{Name: "test", Email: "test@example.org", When: time.Unix(1700000000, 0).UTC()},
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := repo.Tree(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		switch to, ok := links[e.Path]; {
		case to == git.ModeSubmodule:
			entries[i].Mode = git.ModeSubmodule
		case ok:
			entries[i].Mode = git.ModeSymlink
		}
	}
	blobs, err := repo.Blobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	return tree.New(commit, entries, blobs)
}

func loader(tr *tree.Tree) *Loader {
	return &Loader{Tree: tr, Tool: new(Tool), Memo: memo.Open("")}
}
