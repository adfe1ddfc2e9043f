package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/promote"
)

// backward is what a promotion is told that goes back.
type backward struct {
	to   string // the commit of the GitOps branch, full id
	hold string // the document
}

// earlier is an earlier release, as the GitOps branch had it.
type earlier struct {
	gitops  string // the commit of the branch
	catalog *catalog.Catalog
	files   map[string][]byte // without the lane's metadata
}

// earlier reads what the branch held at one of its commits and proves that it is the
// release of src's commit: the trailers say so, and its intent and the catalog render
// to the same bytes.
func (a *app) earlier(ctx context.Context, b promote.Branch, src *source, gitops string) (*earlier, error) {
	where := b.Remote.String() + " " + gitops
	refuse := func(rule, format string, args ...any) (*earlier, error) {
		return nil, fail.Refuse(rule, where, "go back to another release, or release a commit that takes the change back: git revert", format, args...)
	}
	var promotion *git.Commit
	if err := b.Walk(ctx, func(c git.Commit) bool {
		if c.ID == gitops {
			promotion = &c
		}
		return promotion == nil
	}); err != nil {
		return nil, err
	}
	if promotion == nil {
		return refuse("E1", "it is no commit of the GitOps branch")
	}
	if of := promote.Trailer(promotion.Message, promote.TrailerSource); of != src.commit {
		return refuse("E1", "it did not promote %.12s", src.commit)
	}
	head, files, _, err := b.Past(ctx, gitops)
	if err != nil {
		return nil, err
	}
	switch {
	case head.Catalog.SourceCommitID != src.commit:
		return refuse("F4", "its catalog is of %.12s, not of %.12s", head.Catalog.SourceCommitID, src.commit)
	case len(head.Catalog.Services) == 0:
		return refuse("C5", "it is the lane's first catalog, which released nothing")
	}
	maps.DeleteFunc(files, func(path string, _ []byte) bool { return strings.HasPrefix(path, src.names.Metadata()+"/") })
	again := *head.Catalog
	rendered, err := src.files(&again)
	if err != nil {
		return nil, fmt.Errorf("rendering %.12s again: %w", src.commit, err)
	}
	if differ := differing(files, rendered); len(differ) > 0 {
		return refuse("I5", "the intent and the catalog of %.12s do not render to what was promoted then: %s", src.commit, strings.Join(differ, ", "))
	}
	return &earlier{gitops, head.Catalog, files}, nil
}

// differing are the paths whose content is another on the two sides, at most a few.
func differing(a, b map[string][]byte) []string {
	all := map[string]bool{}
	for _, side := range []map[string][]byte{a, b} {
		for path := range side {
			x, inA := a[path]
			y, inB := b[path]
			if inA != inB || !bytes.Equal(x, y) {
				all[path] = true
			}
		}
	}
	paths := slices.Sorted(maps.Keys(all))
	if n := len(paths); n > 4 {
		paths = append(paths[:4], fmt.Sprintf("and %d more", n-4))
	}
	return paths
}

// promoteBack promotes an earlier release again and holds the lane at it. The hold
// says which commit that is.
func (a *app) promoteBack(ctx context.Context, to *target, back backward, keyFile string, dryRun bool) (promote.Outcome, error) {
	fails := func(err error) (promote.Outcome, error) { return promote.Outcome{}, err }
	if !canon.IsCommit(back.to) {
		return fails(usageError("--rollback-to %s: want the full id of a commit of the GitOps branch", back.to))
	}
	here, err := a.source(ctx, "HEAD", "")
	if err != nil {
		return fails(err)
	}
	hold, err := metadata.ParseHold("--hold", []byte(back.hold), here.names)
	if err != nil {
		return fails(err)
	}
	if err := to.guardRemote(here.intent); err != nil {
		return fails(err)
	}
	src, err := a.sourceOf(ctx, here, hold.SourceCommitID)
	if err != nil {
		return fails(err)
	}
	// A key that was taken into use since then is as good as one of then.
	signer, err := signer(keyFile, slices.Concat(here.intent.CI.Signers, src.intent.CI.Signers))
	if err != nil {
		return fails(err)
	}
	b, h, err := a.writableBranch(ctx, src, to)
	if err != nil {
		return fails(err)
	}
	defer h.close()
	then, err := a.earlier(ctx, b, src, back.to)
	if err != nil {
		return fails(fmt.Errorf("going back to %.12s: %w", src.commit, err))
	}
	r := promote.Release{
		Commit: src.commit, DryRun: dryRun, Signer: signer, Rollback: &promote.Rollback{To: back.to, Hold: hold},
		Make: func(context.Context, *promote.Head) (map[string][]byte, error) { return then.files, nil },
		Preflight: func(ctx context.Context, files map[string][]byte, changes promote.Changes) error {
			return src.preflight(ctx, to, files, changes)
		},
	}
	r.PipelineRun, r.TaskRuns = evidence()
	return b.Apply(ctx, r)
}

// sourceOf is an earlier commit of here, of the same lane.
func (a *app) sourceOf(ctx context.Context, here *source, commit string) (*source, error) {
	src, err := a.sourceAt(ctx, here.repo, commit)
	if err != nil {
		return nil, err
	}
	if src.names != here.names {
		return nil, fail.Refuse("A1", commit, "go back to a commit of "+here.names.Lane,
			"its intent is of %s %s in %s, and this is %s %s in %s", src.names.Project, src.names.Lane, src.names.Cluster, here.names.Project, here.names.Lane, here.names.Cluster)
	}
	return src, nil
}
