package main

import (
	"context"
	"os"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
)

const builder = "buildkit v0.34.2"

// once is one plan as the command makes it: it opens the repository, resolves the
// commit, reads the intent and what was released before, and prints the plan.
func once(ctx context.Context, dir, rev, cache, before string) error {
	repo, err := git.Open(ctx, dir)
	if err != nil {
		return err
	}
	commit, err := repo.Resolve(ctx, rev)
	if err != nil {
		return err
	}
	data, err := repo.ReadFile(ctx, commit, intent.Path, 1<<20)
	if err != nil {
		return err
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		return err
	}
	req := plan.Request{Loader: plan.Loader{Repo: repo, Builder: builder, Memo: cache}, Commit: commit, Intent: in}
	if before != "" {
		if err := compareWith(&req, before); err != nil {
			return err
		}
	}
	p, err := plan.Make(ctx, req)
	if err != nil {
		return err
	}
	out, err := p.Encode()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

// compareWith takes an earlier plan for what was released.
func compareWith(req *plan.Request, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := req.Intent.Names()
	if err != nil {
		return err
	}
	was, err := plan.Parse(file, data, n)
	if err != nil {
		return err
	}
	req.Base = &plan.Base{SourceCommitID: was.SourceCommitID, CatalogDigest: canon.Digest(data)}
	req.Previous = map[string]plan.Previous{}
	for _, s := range was.Services {
		req.Previous[s.ID] = plan.Previous{Identity: s.Identity, SourceCommitID: was.SourceCommitID}
	}
	return nil
}
