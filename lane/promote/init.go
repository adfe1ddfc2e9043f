package promote

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/names"
)

// Init makes the branch: a commit without history that has exactly files, among
// them a catalog of no services at the source commit. A branch that exists already is refused by rule
// C5, and so is one that somebody makes meanwhile. With dryRun everything
// happens but the push.
func (b Branch) Init(ctx context.Context, commit string, files map[string][]byte, dryRun bool) (Outcome, error) {
	first, err := b.admit(files, commit)
	if err != nil {
		return Outcome{}, fmt.Errorf("making the GitOps branch: %w", err)
	}
	out := Outcome{
		Result: Promoted, DryRun: dryRun, Branch: b.Names.GitopsRef(), Source: first.SourceCommitID, Rounds: 1, Notes: []string{},
		Changes: Changes{Added: slices.Sorted(maps.Keys(files)), Changed: []string{}, Removed: []string{}},
		Catalog: first,
	}
	if len(first.Services) > 0 {
		return Outcome{}, fail.Refuse("C5", b.Names.ArtifactCatalog, "init first, then promote the release", "making the GitOps branch: the first catalog has services")
	}
	err = b.withCache(ctx, func(c *cache) error {
		if there, err := c.ask(ctx); err != nil || dryRun && there == "" {
			return err
		} else if there != "" {
			return b.exists()
		}
		// Whatever the cache holds is of a branch that is gone.
		if err := c.renew(ctx); err != nil {
			return err
		}
		text, err := message(names.Init, first, about(first)...)
		if err != nil {
			return err
		}
		made, err := c.write(ctx, git.NewCommit{Put: files, Message: text, By: b.signature()})
		if err != nil {
			return b.unusable(err)
		}
		pushed, err := c.repo.Push(ctx, b.Remote, made, b.Names.GitopsRef(), "")
		if err != nil {
			return err
		}
		switch pushed.Result {
		case git.Pushed:
			c.believe(made)
			out.Commit = made
			return nil
		case git.Moved:
			return b.exists()
		}
		return fail.Fail(b.where(), "see what the remote says, and let it take this push", "the remote refused the push: %s", pushed.Words)
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("making the GitOps branch: %w", err)
	}
	return out, nil
}

func (b Branch) exists() error {
	return fail.Refuse("C5", b.where(), "go on with a release: the branch is made once", "the GitOps branch exists already")
}
