package promote

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/lane/metadata"
)

// Release is what one promotion puts on the branch.
type Release struct {
	Commit string // the source commit, full id

	// Make gives every file that the branch shall have, the lane's metadata
	// aside: path to content, the catalog among them. It is called again for
	// each head that the promotion is tried on, because what is reused comes from
	// the catalog of the head: while this release was planned and published,
	// another one may have changed it. So everything that Make takes from a
	// previous catalog it takes from head.Catalog, never from the one that was
	// planned with; and when the plan does not stand on head.Catalog any more (it
	// reuses an image that is no longer there under the identity it was planned
	// with), Make fails with code Stale, and the commit has to be planned again.
	// What was built for this release needs no such care: its digest was proved
	// for its own commit. Make must be a pure function of head.
	Make func(ctx context.Context, head *Head) (map[string][]byte, error)

	// Preflight, if set, is asked before each push whether the files may go out:
	// whether all digests still answer, whether anything looks like a secret. It
	// must not use the Branch.
	Preflight func(ctx context.Context, files map[string][]byte, changes Changes) error

	PipelineRun string   // the run that promotes, "" in a rehearsal
	TaskRuns    []string // its task runs, likewise

	Signer *Signer // signs the commit; nil leaves it unsigned

	Rollback *Rollback // an older commit is meant, so it is not superseded
	Restart  string    // whose pods it replaces, services=generation; a hold does not keep it out, and Make refuses another release
	DryRun   bool      // everything but the push
}

// Rollback is what a release says that goes back to an earlier one.
type Rollback struct {
	To   string         // the commit of the GitOps branch whose content Make gives, full id
	Hold *metadata.Hold // goes to the branch in the same commit, in the place of any other
}

// Apply promotes r. A superseded release is an Outcome with an error of code
// Stale. Any other error comes without an outcome, and the branch is then as
// others left it, or, when the answer to the push was lost, has the new commit,
// which calling again finds out.
func (b Branch) Apply(ctx context.Context, r Release) (Outcome, error) {
	p := promotion{b, r}
	out, err := b.change(ctx, r.DryRun, p.propose)
	if err != nil {
		return out, fmt.Errorf("promoting %.12s: %w", r.Commit, err)
	}
	return out, nil
}

// promotion is one Apply under way.
type promotion struct {
	Branch
	Release
}
