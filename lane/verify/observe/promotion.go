package observe

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/verify"
)

// promotions are the commits that the head of the branch rests on: the one that
// promoted, when the head only changed the lane's metadata, and the one that a
// rollback brings back. Most heads rest on themselves, and then nothing is fetched.
func (s *gatherer) promotions(ctx context.Context, g *verify.Gitops, files []git.Entry) {
	defer func() { g.Replaced = s.replaced(ctx, g) }()
	below := promote.Trailer(g.Message, promote.TrailerPromotion)
	back := promote.Trailer(g.Message, promote.TrailerRollback)
	if below == "" && back == "" {
		return
	}
	line, err := s.line(ctx)
	if below != "" {
		g.Below = seenPast(s.past(ctx, below, files, err), func(p *verify.Promotion) {
			if why := line.promoted(below); why != "" {
				p.Against = append(p.Against, why)
			}
		})
		back = promote.Trailer(g.Below.Value.Message, promote.TrailerRollback)
	}
	if back != "" {
		g.Restored = seenPast(s.past(ctx, back, files, err), func(p *verify.Promotion) {
			if !slices.ContainsFunc(line, func(c git.Commit) bool { return c.ID == back }) {
				p.Against = append(p.Against, "it is not in the branch's history")
			}
		})
	}
}

// replaced is what a restart stands on; nothing is fetched when none is there.
func (s *gatherer) replaced(ctx context.Context, g *verify.Gitops) verify.Seen[verify.Replaced] {
	p, ok := g.Restart()
	if !ok {
		return verify.Seen[verify.Replaced]{}
	}
	after, _, about, err := s.Branch.Past(ctx, p.Commit)
	if err != nil {
		return verify.Miss[verify.Replaced](gap(err))
	}
	r := verify.Replaced{By: p.Commit, Parents: len(about.Parents)}
	if r.Parents != 1 {
		return verify.See(r)
	}
	before, _, _, err := s.Branch.Past(ctx, about.Parents[0])
	if err != nil {
		return verify.Miss[verify.Replaced](gap(err))
	}
	r.Commit, r.Catalog, r.Changed = before.Commit, before.Catalog, promote.Differing(before.Files, after.Files)
	return verify.See(r)
}

func seenPast(p verify.Seen[verify.Promotion], more func(*verify.Promotion)) verify.Seen[verify.Promotion] {
	if p.Found {
		more(&p.Value)
	}
	return p
}

// history is the branch's newest commits, newest first.
type history []git.Commit

// line is the history down to the promotion that the head rests on and, when that is a
// rollback, on to the commit that it brings back.
func (s *gatherer) line(ctx context.Context) (history, error) {
	var all history
	back := ""
	err := s.Branch.Walk(ctx, func(c git.Commit) bool {
		c.Signed = nil // only the message is needed
		all = append(all, c)
		if back == "" && promote.Trailer(c.Message, promote.TrailerPromotion) == "" {
			back = promote.Trailer(c.Message, promote.TrailerRollback)
			return back != ""
		}
		return c.ID != back
	})
	return all, err
}

// promoted says why a commit is not the one that promoted what the head has, or "".
func (h history) promoted(commit string) string {
	for _, c := range h {
		switch id := promote.Trailer(c.Message, promote.TrailerPromotion); {
		case id == "" && c.ID == commit:
			return ""
		case id == "":
			return fmt.Sprintf("it says that %.12s promoted, and below it %.12s did", commit, c.ID)
		case id != commit:
			return fmt.Sprintf("it says that %.12s promoted, and %.12s below it says that %.12s did", commit, c.ID, id)
		}
	}
	return "the branch's history has no promotion"
}

// past is an earlier commit of the branch beside the files that the head has.
func (s *gatherer) past(ctx context.Context, commit string, files []git.Entry, err error) verify.Seen[verify.Promotion] {
	if err != nil {
		return verify.Miss[verify.Promotion](gap(err))
	}
	head, _, about, err := s.Branch.Past(ctx, commit)
	if err != nil {
		return verify.Miss[verify.Promotion](gap(err))
	}
	p := verify.Promotion{Commit: commit, Message: about.Message, Signature: s.signature(about)}
	for _, path := range s.Branch.Differ(head.Files, files) {
		p.Against = append(p.Against, fmt.Sprintf("%s is not as it was promoted by %.12s", fail.Clean(path, 200), commit))
	}
	return verify.See(p)
}
