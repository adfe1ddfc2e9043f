package promote

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// maxRefusals is how often in a row the remote may refuse a push on one and the
// same head. More than once, because a remote also refuses while it is just
// taking somebody else's push.
const maxRefusals = 3

// push writes the proposed commit and swaps it in for the head. It is done, or
// the head is forgotten for another round.
func (p *change) push(ctx context.Context, proposed *proposal) (done bool, err error) {
	out := &proposed.outcome
	commit, err := p.cache.write(ctx, p.commit(proposed))
	if err != nil {
		return false, p.again(ctx, p.unusable(err))
	}
	pushed, err := p.cache.push(ctx, commit, p.head.Commit)
	if err != nil {
		return false, err
	}
	switch pushed.Result {
	case git.Pushed:
		p.cache.believe(commit)
		out.Commit = commit
		return true, nil
	case git.Moved:
		p.refusals, p.head, p.told = 0, nil, pushed.Now
		return false, nil
	case git.Deleted:
		return false, p.missing()
	case git.Refused:
		if p.refusals++; p.refusals < maxRefusals {
			p.fresh = true
			return false, nil
		}
		return false, fail.Fail(p.where(), "see what the remote says, and let it take this push", "the remote refused the push: %s", pushed.Words)
	}
	return false, p.again(ctx, fail.Fail(p.where(), "see what git says; check the permission to push", "the push did not reach the remote: %s", pushed.Words))
}

// again answers a failure on this side: once with a new cache and another round,
// then with the failure itself.
func (p *change) again(ctx context.Context, failure error) error {
	if p.cache.renewed || ctx.Err() != nil {
		return failure
	}
	p.head = nil
	return p.cache.renew(ctx)
}

// confirm asks the remote whether it still has the head that was decided on, and
// forgets the head if not.
func (p *change) confirm(ctx context.Context) (moved bool, err error) {
	if p.fresh {
		return false, nil
	}
	now, err := p.cache.ask(ctx)
	if err != nil {
		return false, err
	}
	if now == "" {
		return false, p.missing()
	}
	if p.fresh = now == p.head.Commit; !p.fresh {
		p.head, p.told = nil, now
	}
	return !p.fresh, nil
}

func (b Branch) superseded(head *Head) error {
	return &fail.Error{
		Code: fail.Stale, Where: b.where(), Hint: "nothing to do: what is promoted contains this commit",
		Err: fmt.Errorf("superseded: the newer commit %.12s is promoted already", head.Catalog.SourceCommitID),
	}
}

func (b Branch) signature() git.Signature {
	return git.Signature{Name: "lane", Email: "lane@" + b.Names.Project, When: b.Now()}
}

// pause grows with the rounds and is random, so that promoters that collided do
// not collide again.
func pause(round int) time.Duration {
	return rand.N(min(20*time.Millisecond<<min(round, 10), 2*time.Second))
}
