package git

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// IsAncestor reports whether commit a is in the history of commit b; a commit
// is in its own. Both are full ids. b must be here. a may be missing: in a whole
// history that means no. Where the history was cut, a no cannot be known to be
// true, so it is an error with the hint to fetch the rest; a yes is always true.
func (r *Repo) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	if !canon.IsCommit(a) || !canon.IsCommit(b) {
		return false, fmt.Errorf("comparing %q and %q: ancestry needs full commit ids", clean(a), clean(b))
	}
	_, err := r.run(ctx, "merge-base", "--is-ancestor", a, b)
	if err == nil {
		return true, nil
	}
	if exitCode(err) < 0 {
		return false, err
	}
	shallow, serr := r.IsShallow(ctx)
	if serr != nil {
		return false, serr
	}
	if shallow {
		return false, fail.Fail(r.GitDir, hintUnshallow, "is %.12s in the history of %.12s: the history of this clone is cut, so nobody can tell", a, b)
	}
	if exitCode(err) == 1 {
		return false, nil
	}
	if _, err := r.run(ctx, "cat-file", "-e", b+"^{commit}"); err != nil {
		return false, fail.Fail(b, "git fetch, if it is newer than this clone", "is %.12s in its history: there is no such commit here", a)
	}
	if _, missing := r.run(ctx, "cat-file", "-e", a+"^{commit}"); missing == nil {
		return false, fmt.Errorf("is %.12s in the history of %.12s: %w", a, b, err)
	}
	return false, nil
}
