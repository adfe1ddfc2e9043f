package promote

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
)

// propose decides what to do about head, without touching the remote.
func (p *promotion) propose(ctx context.Context, _ *cache, head *Head) (proposal, error) {
	out := p.unchanged(head)
	out.DryRun, out.Source = p.DryRun, p.Commit
	// Asked beside the making of the content and the look at it: each waits for
	// something else. The first catalog released nothing, but it too was made at a
	// commit, and what is older than that is older than the lane.
	var order order
	var ordered errgroup.Group
	ordered.Go(func() (err error) {
		order, err = p.Source.order(ctx, head.Catalog.SourceCommitID, p.Commit)
		return err
	})
	files, wanted, changes, contentErr := p.content(ctx, head)
	if err := ordered.Wait(); err != nil {
		return proposal{}, err
	}
	// A restart that comes too late is told by Make, which says what it leaves undone.
	if order == older && p.Rollback == nil && p.Restart == "" {
		out.Result = Superseded
		return proposal{outcome: out, refusal: p.superseded(head)}, nil
	}
	if order == rewritten {
		out.Notes = append(out.Notes, fmt.Sprintf("the promoted commit %.12s is no longer on the source branch: its history was rewritten", head.Catalog.SourceCommitID))
	}
	idle := contentErr == nil && changes.Empty()
	files = maps.Clone(files) // Make may give the same again
	note, err := p.holds(head, idle, files, &changes)
	if err != nil {
		return proposal{}, err
	}
	if note != "" {
		out.Notes = append(out.Notes, note)
	}
	if contentErr != nil {
		return proposal{}, contentErr
	}
	if out.Changes = changes; changes.Empty() {
		return proposal{outcome: out}, nil
	}
	out.Result, out.Catalog = Promoted, wanted
	if p.Preflight != nil {
		if err := p.Preflight(ctx, files, out.Changes); err != nil {
			return proposal{}, err
		}
	}
	text, err := p.message(wanted)
	return proposal{outcome: out, push: true, files: files, message: text, signer: p.Signer}, err
}

// content makes the wanted content for the head, and says what it is and what it
// changes.
func (p *promotion) content(ctx context.Context, head *Head) (files map[string][]byte, wanted *catalog.Catalog, changes Changes, err error) {
	if files, err = p.Make(ctx, head); err != nil {
		return nil, nil, Changes{}, err
	}
	var admitted errgroup.Group // beside the comparison: both read every byte
	admitted.Go(func() (err error) {
		wanted, err = p.admit(files, p.Commit)
		return err
	})
	changes = compare(head.Files, files, p.isMetadata)
	return files, wanted, changes, admitted.Wait()
}

// holds applies the lane's hold. A live one keeps every other release out, but for
// one that changes nothing, or only replaces pods. One that has expired goes with the next promotion. A
// rollback brings its own.
func (p *promotion) holds(head *Head, idle bool, files map[string][]byte, changes *Changes) (note string, err error) {
	path := metadata.HoldPath(p.Names)
	there, err := head.Hold()
	if p.Rollback != nil {
		if files == nil {
			return "", nil
		}
		data, err := p.Rollback.Hold.Encode(p.Names)
		if err != nil {
			return "", err
		}
		files[path] = data
		*changes = changes.with(head.Files, path, data)
		if there != nil && *there != *p.Rollback.Hold {
			note = "instead of: " + there.String()
		}
		return note, nil
	}
	switch {
	case err != nil && !idle:
		return "", err
	case err != nil, there == nil:
		return "", nil
	case !there.Live(p.Now()) && idle:
		return "no longer " + there.String() + ": lane hold --release takes it away", nil
	case !there.Live(p.Now()):
		changes.Removed = append(changes.Removed, path)
		slices.Sort(changes.Removed)
		return "no longer " + there.String(), nil
	case idle, p.Restart != "": // the same release, and its pods anew
		return there.String(), nil
	}
	return "", there.Refusal(p.where())
}

// with are the changes, and one file more.
func (c Changes) with(head []git.Entry, path string, data []byte) Changes {
	switch e, ok := find(head, path); {
	case !ok:
		c.Added = append(c.Added, path)
		slices.Sort(c.Added)
	case e.Mode == git.ModeFile && e.OID != git.BlobID(data):
		c.Changed = append(c.Changed, path)
		slices.Sort(c.Changed)
	}
	return c
}

// unchanged is the outcome that leaves the head as it is.
func (b Branch) unchanged(head *Head) Outcome {
	var replaced string
	if len(head.Catalog.Services) > 0 { // the first catalog released nothing
		replaced = head.Catalog.SourceCommitID
	}
	return Outcome{
		Result: NothingToChange, Branch: b.Names.GitopsRef(), Source: head.Catalog.SourceCommitID, Replaced: replaced,
		Previous: head.Commit, Commit: head.Commit, Changes: Changes{Added: []string{}, Changed: []string{}, Removed: []string{}}, Notes: []string{},
		Catalog: head.Catalog,
	}
}
