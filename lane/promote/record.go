package promote

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/names"
)

// Record is a change of the lane's metadata alone.
type Record struct {
	Verb names.Verb // the first word of the commit's message, such as hold
	By   string     // who changes it

	// Make gives the files to put and those to take away, for the head that it is
	// given, all below the lane's metadata. It is called again for each head that the
	// change is tried on. A file that is there as it is wanted is no change.
	Make func(head *Head) (put map[string][]byte, remove []string, err error)

	DryRun bool // everything but the push
}

// Record changes the lane's metadata by one commit, which leaves every other file
// byte for byte as it is and names the promotion below it. Nothing is built and
// nothing is promoted, so it may be called anywhere. Without a change it makes no
// commit.
func (b Branch) Record(ctx context.Context, r Record) (Outcome, error) {
	out, err := b.change(ctx, r.DryRun, func(ctx context.Context, c *cache, head *Head) (proposal, error) {
		return b.record(ctx, c, head, r)
	})
	if err != nil {
		return out, fmt.Errorf("changing the lane's metadata: %w", err)
	}
	return out, nil
}

func (b Branch) record(ctx context.Context, c *cache, head *Head, r Record) (proposal, error) {
	put, remove, err := r.Make(head)
	if err != nil {
		return proposal{}, err
	}
	out := b.unchanged(head)
	out.DryRun = r.DryRun
	for path, data := range put {
		if !b.isMetadata(path) {
			return proposal{}, b.noMetadata(path)
		}
		out.Changes = out.Changes.with(head.Files, path, data)
	}
	for _, path := range remove {
		if !b.isMetadata(path) {
			return proposal{}, b.noMetadata(path)
		}
		if _, there := find(head.Files, path); there {
			out.Changes.Removed = append(out.Changes.Removed, path)
		}
	}
	slices.Sort(out.Changes.Removed)
	if out.Changes.Empty() {
		return proposal{outcome: out}, nil
	}
	below, err := c.repo.Commit(ctx, head.Commit)
	if err != nil {
		return proposal{}, err
	}
	promotion := head.Commit
	if id := Trailer(below.Message, TrailerPromotion); id != "" {
		promotion = id
	}
	out.Result = Recorded
	text, err := message(r.Verb, head.Catalog, git.Trailer{Key: TrailerPromotion, Value: promotion}, git.Trailer{Key: TrailerBy, Value: r.By})
	return proposal{outcome: out, push: true, files: put, message: text}, err
}

// Trailer is the value of a trailer of a commit's message, "" without one.
func Trailer(message, key string) string {
	for _, t := range git.Trailers(message) {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

func (b Branch) noMetadata(path string) error {
	return fail.Refuse("C3", path, "this is a defect of lane: report it", "only a hold and the records of hotfixes below %s are the lane's metadata", b.Names.Metadata())
}
