// Package tree is one commit's files as a build sees them.
//
// Open lists a commit once; everything else is looked up in memory, and content
// is read by blob id through a reader that the caller owns. Paths are slash
// separated and relative to the top folder, "." is the top folder itself.
// Symbolic links are followed only to regular files inside the tree; submodules
// are empty folders. The package never looks at a work tree and writes only what
// Materialize is asked to.
package tree

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// MaxBlob is the most bytes that a single file may have.
const MaxBlob = 256 << 20

// Tree is the files of one commit.
type Tree struct {
	Commit  string
	entries []git.Entry // sorted by path, bytewise
	blobs   *git.Blobs
}

// Open lists the files of commit, a full id. blobs reads them and must live as
// long as the tree.
func Open(commit string, blobs *git.Blobs) (*Tree, error) {
	entries, err := blobs.Tree(commit)
	if err != nil {
		return nil, err
	}
	return New(commit, entries, blobs), nil
}

// New is the tree of the given entries.
func New(commit string, entries []git.Entry, blobs *git.Blobs) *Tree {
	byPath := func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(entries, byPath) {
		entries = slices.Clone(entries)
		slices.SortFunc(entries, byPath)
	}
	return &Tree{Commit: commit, entries: entries, blobs: blobs}
}

// search is the index of the first entry whose path is not before p.
func (t *Tree) search(p string) int {
	return sort.Search(len(t.entries), func(i int) bool { return t.entries[i].Path >= p })
}

// Entry is the file, link or submodule at p.
func (t *Tree) Entry(p string) (git.Entry, bool) {
	if i := t.search(p); i < len(t.entries) && t.entries[i].Path == p {
		return t.entries[i], true
	}
	return git.Entry{}, false
}

// IsFile reports whether a regular file is at p.
func (t *Tree) IsFile(p string) bool {
	e, ok := t.Entry(p)
	return ok && isFile(e)
}

// IsDir reports whether p is a folder: one with files, or a submodule.
func (t *Tree) IsDir(p string) bool {
	if p == "." {
		return true
	}
	if i := t.search(p + "/"); i < len(t.entries) && strings.HasPrefix(t.entries[i].Path, p+"/") {
		return true
	}
	e, ok := t.Entry(p)
	return ok && e.Mode == git.ModeSubmodule
}

// Below is every entry inside the folder dir, at any depth, sorted by path.
func (t *Tree) Below(dir string) []git.Entry {
	if dir == "." {
		return t.entries
	}
	first := t.search(dir + "/")
	return t.entries[first : first+sort.Search(len(t.entries)-first, func(i int) bool {
		return !strings.HasPrefix(t.entries[first+i].Path, dir+"/")
	})]
}

// Child is a name in a folder.
type Child struct {
	Name  string
	IsDir bool      // a folder or a submodule
	Entry git.Entry // zero for a folder
}

// Children are the names in the folder dir, in git's order.
func (t *Tree) Children(dir string) iter.Seq[Child] {
	return func(yield func(Child) bool) {
		below, skip := t.Below(dir), len(dir)+1
		if dir == "." {
			skip = 0
		}
		for len(below) > 0 {
			name, _, nested := strings.Cut(below[0].Path[skip:], "/")
			if !nested {
				if !yield(Child{Name: name, IsDir: below[0].Mode == git.ModeSubmodule, Entry: below[0]}) {
					return
				}
				below = below[1:]
				continue
			}
			if !yield(Child{Name: name, IsDir: true}) {
				return
			}
			prefix := below[0].Path[:skip+len(name)+1]
			below = below[sort.Search(len(below), func(i int) bool { return !strings.HasPrefix(below[i].Path, prefix) }):]
		}
	}
}

// Follow is the regular file that e is or leads to, under e's own path. A link
// that leads to a folder, out of the tree, nowhere or in a circle is an error.
func (t *Tree) Follow(e git.Entry) (git.Entry, error) {
	const hint = "commit the file itself in place of the link"
	at := e
	for range 16 {
		switch at.Mode {
		case git.ModeFile, git.ModeExecutable:
			at.Path = e.Path
			return at, nil
		case git.ModeSubmodule:
			return git.Entry{}, fail.Fail(e.Path, "commit the files themselves", "a submodule cannot be read by a build")
		}
		target, err := t.blobs.Read(at.OID, 4096)
		if err != nil {
			return git.Entry{}, fmt.Errorf("reading the symbolic link %s: %w", at.Path, err)
		}
		to := path.Join(path.Dir(at.Path), string(target))
		if path.IsAbs(string(target)) || to == ".." || strings.HasPrefix(to, "../") {
			return git.Entry{}, fail.Fail(e.Path, hint, "the symbolic link leads out of the repository")
		}
		next, ok := t.Entry(to)
		switch {
		case !ok && t.IsDir(to):
			return git.Entry{}, fail.Fail(e.Path, hint, "the symbolic link leads to the folder %s", to)
		case !ok:
			return git.Entry{}, fail.Fail(e.Path, hint, "the symbolic link leads to %s, which is not in the commit", to)
		}
		at = next
	}
	return git.Entry{}, fail.Fail(e.Path, hint, "the symbolic links go in a circle")
}

// Read is the content of the file at p, following links. What is not there is
// an error that names p.
func (t *Tree) Read(p string, limit int64) ([]byte, error) {
	e, ok := t.Entry(p)
	if !ok {
		return nil, fail.Fail(p, "commit the file", "it is not in commit %.12s", t.Commit)
	}
	e, err := t.Follow(e)
	if err != nil {
		return nil, err
	}
	data, err := t.blobs.Read(e.OID, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", p, err)
	}
	return data, nil
}

// ReadAll reads many blobs at once; see git.Blobs.ReadAll.
func (t *Tree) ReadAll(oids []string, each func(i int, data []byte) error) error {
	return t.blobs.ReadAll(oids, MaxBlob, each)
}

func isFile(e git.Entry) bool { return e.Mode == git.ModeFile || e.Mode == git.ModeExecutable }
