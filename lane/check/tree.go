package check

import (
	"errors"
	"path"

	"github.com/pikasTech/agentrun/internal/git"
)

// maxFile is the most of a file that is looked at, far above what people write.
const maxFile = 4 << 20

// maxFound is how many findings of a kind one file gives: nobody mends more by
// hand before checking again.
const maxFound = 100

// tree is the commit's files.
type tree struct {
	entries []git.Entry
	byPath  map[string]git.Entry
	folders map[string]bool // every folder that holds something; "." is the top
	blobs   *git.Blobs
}

func newTree(entries []git.Entry, blobs *git.Blobs) *tree {
	t := &tree{entries: entries, byPath: map[string]git.Entry{}, folders: map[string]bool{".": true}, blobs: blobs}
	for _, e := range entries {
		t.byPath[e.Path] = e
		for dir := path.Dir(e.Path); !t.folders[dir]; dir = path.Dir(dir) {
			t.folders[dir] = true
		}
	}
	return t
}

// read is a file's content; the error of one that is not looked at is asTooLarge.
func (t *tree) read(e git.Entry) ([]byte, error) { return t.blobs.Read(e.OID, maxFile) }

func asTooLarge(err error) (git.TooLargeError, bool) { return errors.AsType[git.TooLargeError](err) }

// has reports whether p is a file or a folder of the commit.
func (t *tree) has(p string) bool {
	_, isFile := t.byPath[p]
	return isFile || t.folders[p]
}
