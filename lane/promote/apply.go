package promote

import (
	"context"
	"fmt"
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

	Rollback bool // an older commit is meant, so it is not superseded
	DryRun   bool // everything but the push
}

// Apply promotes r. A superseded release is an Outcome with an error of code
// Stale. Any other error comes without an outcome, and the branch is then as
// others left it, or, when the answer to the push was lost, has the new commit,
// which calling again finds out.
func (b Branch) Apply(ctx context.Context, r Release) (Outcome, error) {
	var out Outcome
	err := b.withCache(ctx, func(c *cache) (err error) {
		p := promotion{Branch: b, Release: r, cache: c}
		out, err = p.run(ctx)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("promoting %.12s: %w", r.Commit, err)
	}
	return out, nil
}

// promotion is one Apply under way.
type promotion struct {
	Branch
	Release
	cache *cache

	head     *Head  // what the decision is about; nil when the remote must be asked
	fresh    bool   // head was confirmed by the remote since the last push
	told     string // where the remote said that the branch is, "" when it must be asked
	refusals int    // pushes on this head that the remote refused
}

func (p *promotion) run(ctx context.Context) (Outcome, error) {
	if !p.DryRun && p.cache.seen() != "" {
		p.cache.askAhead(ctx)
	}
	p.head = p.cache.believed(ctx)
	if p.head != nil && !p.DryRun {
		p.cache.prepare(ctx)
	}
	for round := 1; ; round++ {
		if p.head == nil {
			head, err := p.cache.fetch(ctx, p.told)
			if err != nil {
				return Outcome{}, err
			}
			p.head, p.fresh, p.told = head, true, ""
			if !p.DryRun {
				p.cache.askAhead(ctx)
			}
		}
		proposed, err := p.propose(ctx)
		proposed.outcome.Rounds = round
		if err == nil && proposed.outcome.Result == Promoted && !p.DryRun {
			switch done, err := p.push(ctx, &proposed); {
			case err != nil:
				return Outcome{}, err
			case done:
				return proposed.outcome, nil
			}
			if err := sleep(ctx, pause(round)); err != nil {
				return Outcome{}, err
			}
			continue
		}
		// Anything else is final if the head is the remote's.
		if moved, asked := p.confirm(ctx); asked != nil {
			return Outcome{}, asked
		} else if moved {
			continue
		}
		switch {
		case err != nil:
			return Outcome{}, err
		case proposed.outcome.Result == Superseded:
			return proposed.outcome, p.superseded()
		}
		return proposed.outcome, nil
	}
}
