package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/report"
	"github.com/pikasTech/agentrun/lane/verify"
)

// toldCommits is how many commits of the GitOps branch a page tells of.
const toldCommits = 20

// history adds what the GitOps branch's history tells: when it was written, and why
// each service was built or reused. What cannot be told is a note on the page.
func (r *reporter) history(ctx context.Context, src *source, d *report.Document) {
	note := func(what string, err error) {
		d.Notes = append(d.Notes, what+": "+fail.Clean(err.Error(), 400))
	}
	b, err := r.app.branch(src, &r.to)
	if err != nil {
		note("history", err)
		return
	}
	var line []git.Commit
	err = b.Walk(ctx, func(c git.Commit) bool {
		line = append(line, c)
		return len(line) < maxLine
	})
	if err != nil {
		note("history", err)
		return
	}
	for _, c := range line[:min(len(line), toldCommits)] {
		d.Add(report.Event{At: c.Committer.When, State: "", What: saysOf(c)})
	}
	if len(d.Services) == 0 {
		return
	}
	reasons, err := r.reasons(ctx, src, b, line, d.Verdict)
	if err != nil {
		note("why services were built or reused", err)
	}
	d.Explain(reasons)
}

// maxLine is how far back the release before is looked for.
const maxLine = 500

// saysOf is what a commit of the GitOps branch did, by its trailers.
func saysOf(c git.Commit) string {
	of := func(key string) string { return promote.Trailer(c.Message, key) }
	switch {
	case of(promote.TrailerPromotion) != "":
		return fmt.Sprintf("GitOps commit %.12s changed holds or records", c.ID)
	case of(promote.TrailerRollback) != "":
		return fmt.Sprintf("GitOps commit %.12s went back to %.12s", c.ID, of(promote.TrailerSource))
	case of(promote.TrailerSource) != "":
		return fmt.Sprintf("GitOps commit %.12s promoted %.12s", c.ID, of(promote.TrailerSource))
	}
	return fmt.Sprintf("GitOps commit %.12s is not lane's", c.ID)
}

// reasons makes the plan of the released commit again, against the catalog that it was
// made against: that of the release before it.
func (r *reporter) reasons(ctx context.Context, here *source, b promote.Branch, line []git.Commit, v verify.Verdict) (map[string][]string, error) {
	before, err := releaseBefore(line, v.SourceCommitID)
	if err != nil {
		return nil, err
	}
	src, err := r.app.sourceOf(ctx, here, v.SourceCommitID)
	if err != nil {
		return nil, err
	}
	var base *catalog.Catalog
	if before != "" {
		head, _, _, err := b.Past(ctx, before)
		if err != nil {
			return nil, err
		}
		base = head.Catalog
	}
	p, err := r.app.plan(ctx, src, base, planOptions{builder: defaultBuilder})
	if err != nil {
		return nil, err
	}
	reasons := map[string][]string{}
	for _, s := range p.Services {
		reasons[s.ID] = s.Reasons
	}
	return reasons, nil
}

// releaseBefore is the newest commit below the one that first promoted a source commit;
// "" when there is none.
func releaseBefore(line []git.Commit, source string) (string, error) {
	at := -1
	for i, c := range line {
		if promote.Trailer(c.Message, promote.TrailerSource) == source && promote.Trailer(c.Message, promote.TrailerRollback) == "" {
			at = i
			break
		}
	}
	switch {
	case at < 0:
		return "", errors.New("the branch's history does not have the promotion")
	case at+1 < len(line):
		return line[at+1].ID, nil
	}
	return "", nil
}
