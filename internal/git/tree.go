package git

import (
	"context"
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
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

// Tree lists every file of commit, sorted as git sorts (by path, bytewise). With
// paths it lists only those files and what is below those folders; a path that
// does not exist adds nothing. Paths are literal and relative to the top folder.
func (r *Repo) Tree(ctx context.Context, commit string, paths ...string) ([]Entry, error) {
	if !canon.IsCommit(commit) {
		return nil, fmt.Errorf("listing the tree of %q: not a full commit id", clean(commit))
	}
	args := append([]string{"ls-tree", "-r", "-z", "--full-tree", commit, "--"}, paths...)
	out, err := r.run(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("listing the tree of %.12s: %w", commit, err)
	}
	entries, err := parseTree(string(out))
	if err != nil {
		return nil, fmt.Errorf("listing the tree of %.12s: %w", commit, err)
	}
	return entries, nil
}

// parseTree reads `ls-tree -r -z`: "mode type oid TAB path NUL" each.
func parseTree(out string) ([]Entry, error) {
	if out == "" {
		return nil, nil
	}
	if !strings.HasSuffix(out, "\x00") {
		return nil, fmt.Errorf("the listing ends in the middle of an entry")
	}
	entries := make([]Entry, 0, strings.Count(out, "\x00"))
	for out != "" {
		line, rest, _ := strings.Cut(out, "\x00")
		out = rest
		meta, path, ok := strings.Cut(line, "\t")
		mode, meta, ok1 := strings.Cut(meta, " ")
		kind, oid, ok2 := strings.Cut(meta, " ")
		if !ok || !ok1 || !ok2 || !canon.IsCommit(oid) || !fits(mode, kind) {
			return nil, fmt.Errorf("entry %d of the listing is malformed: %q", len(entries)+1, clean(line))
		}
		if err := checkPath(path); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Mode: mode, Type: kind, OID: oid, Path: path})
	}
	return entries, nil
}

func fits(mode, kind string) bool {
	switch mode {
	case ModeFile, ModeExecutable, ModeSymlink:
		return kind == "blob"
	case ModeSubmodule:
		return kind == "commit"
	}
	return false
}

// checkPath refuses a path that could leave the folder it is written to, or
// that git itself would not take.
func checkPath(path string) error {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0) {
			return fail.Fail(fmt.Sprintf("%q", clean(path)), "rename the file", "a path with the part %q cannot stand in a tree", clean(part))
		}
	}
	return nil
}
