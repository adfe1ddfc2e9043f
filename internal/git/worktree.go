package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// WorkTreeState is how a work tree stands.
type WorkTreeState struct {
	Ref     string   // full ref that HEAD names, "" when it is detached
	Head    string   // full id
	Changes []string // what is not committed, "?? path" or the two letters of git status and the path
}

// State looks at the work tree and its index without writing either. Ignored files
// are no changes.
func (r *Repo) State(ctx context.Context) (WorkTreeState, error) {
	var s WorkTreeState
	if r.WorkTree == "" {
		return s, fail.Fail(r.GitDir, "name a work tree", "looking at the work tree: the repository is bare")
	}
	in := func(args ...string) ([]byte, error) { return call{dir: r.WorkTree, args: args}.run(ctx) }
	out, err := in("symbolic-ref", "--quiet", "HEAD")
	if err != nil && exitCode(err) != 1 {
		return s, err
	}
	s.Ref = strings.TrimSuffix(string(out), "\n")
	if out, err = in("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"); err != nil {
		return s, fail.Fail(r.WorkTree, "commit something, or check out a branch", "looking at the work tree: HEAD is no commit")
	}
	if s.Head = strings.TrimSpace(string(out)); !canon.IsCommit(s.Head) {
		return s, fmt.Errorf("looking at %s: git answers %q", r.WorkTree, clean(s.Head))
	}
	if out, err = in("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames"); err != nil {
		return s, err
	}
	s.Changes, err = parseStatus(string(out))
	return s, err
}

// parseStatus reads `status --porcelain=v1 -z` without renames: "XY path NUL" each.
func parseStatus(out string) ([]string, error) {
	var changes []string
	for out != "" {
		entry, rest, ok := strings.Cut(out, "\x00")
		if !ok || len(entry) < 4 || entry[2] != ' ' {
			return nil, errors.New("git's status cannot be read: " + clean(entry))
		}
		changes, out = append(changes, entry), rest
	}
	return changes, nil
}
