package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
)

func digest(data []byte) string { return canon.Digest(data) }

// onBranch is rule E1: what was released came from the source branch.
func (j *judge) onBranch(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	id := "commit " + g.Catalog.SourceCommitID
	switch on := j.Source.Contains; {
	case !on.Found:
		o.cannot(j.Names.SourceRef(), on.Gap)
	case !on.Value:
		o.against(id, "it is not on %s, whose head is %.12s", j.Names.SourceRef(), j.Source.Head.Value)
	default:
		o.match(id, "branch", j.Names.SourceRef())
	}
}

// checked tells what lane check finds in the released commit by a rule, in the files
// that about picks; nil is all.
func (j *judge) checked(o *opinion, rule string, about func(file string) bool) {
	found := j.Source.Findings
	if !found.Found {
		o.cannot("the released source", found.Gap)
		return
	}
	n := 0
	for _, f := range found.Value {
		if f.Rule == rule && (about == nil || about(f.File)) {
			n++
			o.against(f.Where(), "%s", f.Why)
		}
	}
	if n == 0 {
		o.match("the released source", "lane check", "keeps "+rule)
	}
}

// documents is rule I2: rule A5 in AGENTS.md and docs/reference.
func (j *judge) documents(o *opinion) {
	j.checked(o, "A5", func(file string) bool { return file == "AGENTS.md" || strings.HasPrefix(file, "docs/") })
}

// untracked is rule C2.
func (j *judge) untracked(o *opinion) { j.checked(o, "C2", nil) }

// intact is rule D3: the intent that was released is the one that people wrote.
func (j *judge) intact(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	if !j.Release.Intent.Found {
		o.cannot("the intent at "+g.Catalog.SourceCommitID, j.Release.Intent.Gap)
		return
	}
	written, err := j.Release.Intent.Value.Digest()
	if err != nil {
		o.against("the intent", "%v", err)
		return
	}
	o.equal("the released intent", "digest", g.Catalog.IntentDigest, written)
}

// laneAuthor is who the commits are by that lane makes.
const laneAuthor = "lane"

// unpromoted is rule F7.
func (j *judge) unpromoted(o *opinion) {
	by := j.Source.Authors
	if !by.Found {
		o.cannot(j.Names.SourceRef(), by.Gap)
		return
	}
	if slices.Contains(by.Value, laneAuthor) {
		o.differ(j.Names.SourceRef(), "author", laneAuthor, "a person")
		return
	}
	o.match(j.Names.SourceRef(), "authors", fmt.Sprintf("%d, none of them lane", len(by.Value)))
}

// worktree is rule I1.
func (j *judge) worktree(o *opinion) {
	if j.Skip {
		o.add(Observation{State: Skipped, Object: j.Names.SourceWorktree, Note: "left out with --skip worktree"})
		return
	}
	if !j.Worktree.Found {
		o.cannot(j.Names.SourceWorktree, j.Worktree.Gap)
		return
	}
	w := j.Worktree.Value
	o.equal(w.Path, "HEAD", w.Ref, j.Names.SourceRef())
	if w.Origin == "" {
		o.cannot(j.Names.SourceRef(), Gap{Why: "its origin was not seen"})
	} else {
		o.equal(w.Path, "commit", w.Head, w.Origin)
	}
	if len(w.Dirty) > 0 {
		o.differ(w.Path, "changes", list(w.Dirty, 6), "none")
	} else {
		o.match(w.Path, "changes", "none")
	}
}
