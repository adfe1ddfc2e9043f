package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/intent"
)

// maxCommits bounds how many earlier commits one plan looks into: a decision
// never needs them, and its words are not worth reading a whole history for.
const maxCommits = 16

// history looks up what services were made of when they were last built.
type history struct {
	snapshot *Snapshot
	commits  map[string]*past
}

// past is one earlier commit.
type past struct {
	snapshot *Snapshot
	intent   *intent.Intent
	why      string // why nothing can be said about it, "" when it can
}

// reasons says for people why d is not what it was.
func (h *history) reasons(ctx context.Context, d *description, was Previous) ([]string, error) {
	since := short(was.SourceCommitID)
	before, why, err := h.inputs(ctx, d.service, was.SourceCommitID)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return []string{"not what was built from " + since + "; " + why}, nil
	}
	changes := canon.Changes(before, slices.Collect(d.inputs()))
	if len(changes) == 0 {
		return []string{"its source is as it was at " + since + "; what lane builds it with has changed"}, nil
	}
	return words(changes, d.image.dockerfile.Path), nil
}

// inputs are what the service was made of at an earlier commit, by today's
// builder and settings: those of that day are known to nobody. When that cannot
// be told, why says so.
func (h *history) inputs(ctx context.Context, id, commit string) (in []canon.Input, why string, err error) {
	p, ok := h.commits[commit]
	if !ok {
		if len(h.commits) == maxCommits {
			return nil, "lane plan --explain " + id + " says why", nil
		}
		p = h.open(commit)
		h.commits[commit] = p
	}
	if ctx.Err() != nil {
		return nil, "", context.Cause(ctx)
	}
	if p.why != "" {
		return nil, p.why, nil
	}
	services := p.intent.EnabledServices()
	i := slices.IndexFunc(services, func(s intent.Service) bool { return s.ID == id })
	if i < 0 {
		return nil, "it was not enabled there", nil
	}
	d, err := p.snapshot.describe(ctx, services[i])
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case err != nil:
		return nil, fmt.Sprintf("what it was made of there cannot be told: %v", err), nil
	}
	return slices.Collect(d.inputs()), "", nil
}

func (h *history) open(commit string) *past {
	s, err := h.snapshot.at(commit)
	if err != nil {
		return &past{why: "that commit is not in this clone"}
	}
	data, err := s.tree.Read(intent.Path, 1<<20)
	if err != nil {
		return &past{why: "that commit has no readable " + intent.Path}
	}
	// Whether it would be accepted today does not matter: it is not acted upon.
	in := new(intent.Intent)
	if err := canon.Unmarshal(intent.Path, "D2", data, in, limits); err != nil {
		return &past{why: "the intent of that commit cannot be read any more"}
	}
	return &past{snapshot: s, intent: in}
}
