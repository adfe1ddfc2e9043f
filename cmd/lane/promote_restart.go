package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
)

// promoteRestart promotes what is released again, with another generation for some of
// its services: their pods are replaced and nothing else changes.
func (a *app) promoteRestart(ctx context.Context, to *target, restart, commit, keyFile string, dryRun bool) (promote.Outcome, error) {
	fails := func(err error) (promote.Outcome, error) { return promote.Outcome{}, err }
	again, err := catalog.ParseRestart(restart)
	if err != nil {
		return fails(err)
	}
	if !canon.IsCommit(commit) {
		return fails(usageError("--commit is needed with --restart: the full id of the released commit"))
	}
	here, err := a.source(ctx, "HEAD", "")
	if err != nil {
		return fails(err)
	}
	if err := to.guardRemote(here.intent); err != nil {
		return fails(err)
	}
	src, err := a.sourceOf(ctx, here, commit)
	if err != nil {
		return fails(err)
	}
	signer, err := signer(keyFile, slices.Concat(here.intent.CI.Signers, src.intent.CI.Signers))
	if err != nil {
		return fails(err)
	}
	b, h, err := a.writableBranch(ctx, src, to)
	if err != nil {
		return fails(err)
	}
	defer h.close()
	r := promote.Release{
		Commit: commit, DryRun: dryRun, Signer: signer, Restart: again.String(),
		Make: func(_ context.Context, head *promote.Head) (map[string][]byte, error) {
			if head.Catalog.SourceCommitID != commit {
				return nil, &fail.Error{
					Code: fail.Stale, Where: commit, Hint: "run lane secrets rotate again: it restarts what is released now",
					Err: fmt.Errorf("the restart comes too late: %.12s is released now, and what it reused goes on with the old values", head.Catalog.SourceCommitID),
				}
			}
			next, err := head.Catalog.Restarted(again)
			if err != nil {
				return nil, err
			}
			return src.files(next)
		},
		Preflight: func(ctx context.Context, files map[string][]byte, changes promote.Changes) error {
			return src.preflight(ctx, to, files, changes)
		},
	}
	r.PipelineRun, r.TaskRuns = evidence()
	return b.Apply(ctx, r)
}
