package promote

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/lane/catalog"
)

// proposal is the decision for one head.
type proposal struct {
	outcome Outcome
	files   map[string][]byte
	message string
}

// propose decides what to do about p.head, without touching the remote.
func (p *promotion) propose(ctx context.Context) (proposal, error) {
	var replaced string
	if len(p.head.Catalog.Services) > 0 { // the first catalog released nothing
		replaced = p.head.Catalog.SourceCommitID
	}
	out := Outcome{
		DryRun: p.DryRun, Branch: p.Names.GitopsRef(), Source: p.Commit, Replaced: replaced,
		Previous: p.head.Commit, Commit: p.head.Commit, Notes: []string{},
	}
	// Asked beside the making of the content and the look at it: each waits for
	// something else. The first catalog released nothing, but it too was made at a
	// commit, and what is older than that is older than the lane.
	var order order
	var ordered errgroup.Group
	ordered.Go(func() (err error) {
		order, err = p.Source.order(ctx, p.head.Catalog.SourceCommitID, p.Commit)
		return err
	})
	files, wanted, changes, contentErr := p.content(ctx)
	if err := ordered.Wait(); err != nil {
		return proposal{}, err
	}
	if order == older && !p.Rollback {
		out.Result = Superseded
		return proposal{outcome: out}, nil
	}
	if order == rewritten {
		out.Notes = append(out.Notes, fmt.Sprintf("the promoted commit %.12s is no longer on the source branch: its history was rewritten", p.head.Catalog.SourceCommitID))
	}
	if contentErr != nil {
		return proposal{}, contentErr
	}
	out.Changes = changes
	if out.Changes.Empty() {
		out.Result = NothingToChange
		return proposal{outcome: out}, nil
	}
	out.Result = Promoted
	if p.Preflight != nil {
		if err := p.Preflight(ctx, files, out.Changes); err != nil {
			return proposal{}, err
		}
	}
	text, err := message("promote", wanted, p.PipelineRun, p.TaskRuns)
	return proposal{outcome: out, files: files, message: text}, err
}

// content makes the wanted content for the head, and says what it is and what it
// changes.
func (p *promotion) content(ctx context.Context) (files map[string][]byte, wanted *catalog.Catalog, changes Changes, err error) {
	if files, err = p.Make(ctx, p.head); err != nil {
		return nil, nil, Changes{}, err
	}
	var admitted errgroup.Group // beside the comparison: both read every byte
	admitted.Go(func() (err error) {
		wanted, err = p.admit(files, p.Commit)
		return err
	})
	changes = compare(p.head.Files, files, p.isMetadata)
	return files, wanted, changes, admitted.Wait()
}
