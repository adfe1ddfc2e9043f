package promote

import (
	"context"

	"github.com/pikasTech/agentrun/internal/git"
)

// proposal is the decision for one head.
type proposal struct {
	outcome Outcome
	push    bool              // whether a commit is to be made
	files   map[string][]byte // what outcome.Changes adds and changes is in it
	message string
	signer  *Signer
	refusal error // what an outcome that is final comes with
}

// change is one compare-and-swap under way: a promotion, or a record of metadata.
type change struct {
	Branch
	cache   *cache
	dryRun  bool
	propose func(ctx context.Context, c *cache, head *Head) (proposal, error)

	head     *Head  // what the decision is about; nil when the remote must be asked
	fresh    bool   // head was confirmed by the remote since the last push
	told     string // where the remote said that the branch is, "" when it must be asked
	refusals int    // pushes on this head that the remote refused
}

// change moves the branch by one commit that propose decides on, for each head that it
// is tried on.
func (b Branch) change(ctx context.Context, dryRun bool, propose func(context.Context, *cache, *Head) (proposal, error)) (out Outcome, err error) {
	err = b.withCache(ctx, func(c *cache) (err error) {
		out, err = (&change{Branch: b, cache: c, dryRun: dryRun, propose: propose}).run(ctx)
		return err
	})
	return out, err
}

func (p *change) run(ctx context.Context) (Outcome, error) {
	if !p.dryRun && p.cache.seen() != "" {
		p.cache.askAhead(ctx)
	}
	p.head = p.cache.believed(ctx)
	if p.head != nil && !p.dryRun {
		p.cache.prepare(ctx)
	}
	for round := 1; ; round++ {
		if p.head == nil {
			head, err := p.cache.fetch(ctx, p.told)
			if err != nil {
				return Outcome{}, err
			}
			p.head, p.fresh, p.told = head, true, ""
			if !p.dryRun {
				p.cache.askAhead(ctx)
			}
		}
		proposed, err := p.propose(ctx, p.cache, p.head)
		proposed.outcome.Rounds = round
		if err == nil && proposed.push && !p.dryRun {
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
		if err != nil {
			return Outcome{}, err
		}
		return proposed.outcome, proposed.refusal
	}
}

// commit is the proposed one on the head.
func (p *change) commit(proposed *proposal) git.NewCommit {
	changes := proposed.outcome.Changes
	put := make(map[string][]byte, len(changes.Added)+len(changes.Changed))
	for _, paths := range [...][]string{changes.Added, changes.Changed} {
		for _, path := range paths {
			put[path] = proposed.files[path]
		}
	}
	c := git.NewCommit{Parent: p.head.Commit, Put: put, Delete: changes.Removed, Message: proposed.message, By: p.signature()}
	if proposed.signer != nil {
		c.Sign = proposed.signer.sign
	}
	return c
}
