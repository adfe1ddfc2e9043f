package promote

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
)

// Retirement empties a lane.
type Retirement struct {
	By string // who does it

	// Make gives every file that the branch shall have, the lane's metadata aside: a
	// catalog of no services at the head's source commit and what is no workload. It is
	// called again for each head.
	Make func(head *Head) (map[string][]byte, error)

	Hold   *metadata.Hold // goes to the branch in the same commit, unless one is there that holds for good
	DryRun bool           // everything but the push
}

// Retire takes the workloads off the branch and holds the lane, in one commit by
// compare-and-swap. It builds nothing and promotes nothing, so its commit names no
// source commit: a rollback does not find it. A branch that is so already is left.
func (b Branch) Retire(ctx context.Context, r Retirement) (Outcome, error) {
	out, err := b.change(ctx, r.DryRun, func(_ context.Context, _ *cache, head *Head) (proposal, error) {
		return b.retire(head, r)
	})
	if err != nil {
		return out, fmt.Errorf("retiring the lane: %w", err)
	}
	return out, nil
}

func (b Branch) retire(head *Head, r Retirement) (proposal, error) {
	files, err := r.Make(head)
	if err != nil {
		return proposal{}, err
	}
	wanted, err := b.admit(files, head.Catalog.SourceCommitID)
	if err != nil {
		return proposal{}, err
	}
	out := b.unchanged(head)
	out.DryRun, out.Changes = r.DryRun, compare(head.Files, files, b.isMetadata)
	if there, err := head.Hold(); err != nil || there == nil || there.Until != "" {
		path := metadata.HoldPath(b.Names)
		data, err := r.Hold.Encode(b.Names)
		if err != nil {
			return proposal{}, err
		}
		files[path] = data
		out.Changes = out.Changes.with(head.Files, path, data)
	}
	if out.Changes.Empty() {
		return proposal{outcome: out}, nil
	}
	out.Result = Recorded
	text, err := message(names.Retire, wanted, git.Trailer{Key: TrailerBy, Value: r.By})
	return proposal{outcome: out, push: true, files: files, message: text}, err
}
