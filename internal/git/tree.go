package git

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// The modes that a tree's entries can have.
const (
	ModeFile       = "100644"
	ModeExecutable = "100755"
	ModeSymlink    = "120000"
	ModeSubmodule  = "160000"
)

// Entry is one file of a commit.
type Entry struct {
	Mode string // one of the Mode constants
	Type string // "blob", or "commit" for a submodule
	OID  string // 40 hex digits
	Path string // slash separated, relative to the top folder; never "..", never absolute
}

// The limits of a tree. Trees can share folders, so a few small objects can
// stand for more files than any disk holds.
const (
	maxEntries    = 4 << 20
	maxTreeObject = 256 << 20 // bytes of one folder's listing
	maxPath       = 4096      // bytes
)

// Tree lists every file of commit, sorted by path, bytewise, which is git's
// order. With paths it lists only those files and what is below those folders; a
// path that does not exist adds nothing. Paths are literal and relative to the
// top folder.
func (r *Repo) Tree(ctx context.Context, commit string, paths ...string) ([]Entry, error) {
	blobs, err := r.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := blobs.Tree(commit, paths...)
	return entries, errors.Join(err, blobs.Close())
}

// Tree is Repo.Tree through this reader, without a process of its own.
func (b *Blobs) Tree(commit string, paths ...string) ([]Entry, error) {
	entries, err := b.tree(commit, paths)
	if err != nil {
		return nil, fmt.Errorf("listing the tree of %.12s: %w", commit, err)
	}
	return entries, nil
}

// tree reads one level of folders after the other, each in one go.
func (b *Blobs) tree(commit string, paths []string) ([]Entry, error) {
	c, err := b.Commit(commit)
	if err != nil {
		return nil, err
	}
	var files []Entry
	level := []Entry{{OID: c.Tree}}
	for len(level) > 0 {
		ids := make([]string, len(level))
		for i, folder := range level {
			ids[i] = folder.OID
		}
		var next []Entry
		err := b.readObjects("tree", ids, maxTreeObject, func(i int, data []byte) error {
			return parseTree(string(data), level[i].Path, func(e Entry) error {
				switch {
				case e.Type == "tree" && leadsTo(e.Path, paths):
					next = append(next, e)
				case e.Type != "tree" && isBelow(e.Path, paths):
					files = append(files, e)
				}
				if len(files)+len(next) > maxEntries {
					return fmt.Errorf("it has more than %d files", maxEntries)
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		level = next
	}
	slices.SortFunc(files, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// isBelow reports whether path is one of paths or in one of those folders.
func isBelow(path string, paths []string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, func(p string) bool {
		return path == p || strings.HasPrefix(path, p) && path[len(p)] == '/'
	})
}

// leadsTo reports whether something in folder can be below one of paths.
func leadsTo(folder string, paths []string) bool {
	return isBelow(folder, paths) || slices.ContainsFunc(paths, func(p string) bool {
		return strings.HasPrefix(p, folder) && p[len(folder)] == '/'
	})
}

// parseTree reads a raw tree object, the listing of one folder: "mode SP name
// NUL" and the id's 20 bytes each. It calls each with the paths below folder;
// the type of a folder's entry is "tree".
func parseTree(raw, folder string, each func(Entry) error) error {
	if folder != "" {
		folder += "/"
	}
	last := ""
	for raw != "" {
		head, rest, ok := strings.Cut(raw, "\x00")
		mode, name, ok2 := strings.Cut(head, " ")
		if !ok || !ok2 || len(rest) < 20 {
			return fmt.Errorf("the listing of %q is malformed", clean(folder))
		}
		mode, kind := kindOf(mode)
		if kind == "" || strings.Contains(name, "/") {
			return fmt.Errorf("the listing of %q has an entry %q with the mode %q", clean(folder), clean(name), clean(mode))
		}
		e := Entry{Mode: mode, Type: kind, OID: hex.EncodeToString([]byte(rest[:20])), Path: folder + name}
		if err := checkPath(e.Path); err != nil {
			return err
		}
		if kind == "tree" {
			name += "/" // as git sorts
		}
		if name <= last {
			return fmt.Errorf("the listing of %q is out of order at %q", clean(folder), clean(name))
		}
		if err := each(e); err != nil {
			return err
		}
		raw, last = rest[20:], name
	}
	return nil
}

// kindOf is the mode as Entry has it, and the type of object that it stands for.
func kindOf(mode string) (string, string) {
	switch mode {
	case ModeFile, ModeExecutable, ModeSymlink:
		return mode, "blob"
	case "100664": // written by ancient gits
		return ModeFile, "blob"
	case ModeSubmodule:
		return mode, "commit"
	case "40000":
		return mode, "tree"
	}
	return mode, ""
}

// checkPath refuses a path that could leave the folder it is written to, or
// that git itself would not take.
func checkPath(path string) error {
	if len(path) > maxPath {
		return fail.Fail(fmt.Sprintf("%q", clean(path)), "shorten the path", "a path has %d bytes, the limit is %d", len(path), maxPath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0) {
			return fail.Fail(fmt.Sprintf("%q", clean(path)), "rename the file", "a path with the part %q cannot stand in a tree", clean(part))
		}
	}
	return nil
}
