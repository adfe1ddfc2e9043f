package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

// recorder writes the lane's metadata, as people do from a host: nothing is built and
// nothing is promoted by it.
type recorder struct {
	app    *app
	to     target
	by     string
	dryRun bool
}

func (r *recorder) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.by, "by", "", "`who` does it (default: git's user.name and user.email)")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "do everything but the push")
}

// record changes the metadata of src's lane.
func (r *recorder) record(ctx context.Context, src *source, verb names.Verb, make func(head *promote.Head, now time.Time) (put map[string][]byte, remove []string, err error)) (promote.Outcome, error) {
	by, err := src.who(ctx, r.by)
	if err != nil {
		return promote.Outcome{}, err
	}
	b, err := r.app.branch(src, &r.to)
	if err != nil {
		return promote.Outcome{}, err
	}
	return b.Record(ctx, promote.Record{Verb: verb, By: by, DryRun: r.dryRun, Make: func(head *promote.Head) (map[string][]byte, []string, error) {
		put, remove, err := make(head, b.Now())
		if err != nil {
			return nil, nil, err
		}
		for _, path := range slices.Sorted(maps.Keys(put)) {
			if err := secretless(path, put[path]); err != nil {
				return nil, nil, err
			}
		}
		return put, remove, nil
	}})
}

// secretless refuses a document of the lane's metadata that looks like it holds a
// credential (rule C4): it is on its way to a place that many can read.
func secretless(path string, data []byte) error {
	for _, hit := range secretscan.Default().Scan(path, data) {
		return fail.Refuse("C4", fmt.Sprintf("%s:%d:%d", path, hit.Line, hit.Column), "say it without the value", "%s", hit.Why)
	}
	return nil
}

// who is the person that does something, as named or as git knows it.
func (src *source) who(ctx context.Context, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	who, err := src.repo.User(ctx)
	if err == nil && who == "" {
		err = &fail.Error{Code: fail.Usage, Hint: "name yourself with --by, or set git's user.name and user.email", Err: fmt.Errorf("nobody says who does it")}
	}
	return who, err
}

// records are the documents of the lane's branch.
func (r *recorder) records(ctx context.Context, src *source) (metadata.Records, time.Time, error) {
	b, err := r.app.branch(src, &r.to)
	if err != nil {
		return metadata.Records{}, time.Time{}, err
	}
	_, files, err := b.Content(ctx)
	return metadata.Read(files, src.names), b.Now(), err
}

// within reads a time of the future: how long from now, or when.
func within(flag, value string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(value); err == nil && d > 0 {
		return now.Add(d), nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || !at.After(now) {
		return at, usageError("--%s %s: write how long from now on, such as 2h, or a time to come, such as 2026-01-02T03:04:05Z", flag, value)
	}
	return at, nil
}

// writeRecorded tells what became of the metadata.
func writeRecorded(w io.Writer, out promote.Outcome, did, nothing string) {
	switch {
	case out.Result == promote.NothingToChange:
		fmt.Fprintf(w, "%s: %s is at %.12s\n", nothing, out.Branch, out.Commit)
	case out.DryRun:
		fmt.Fprintf(w, "would have %s on %s\n", did, out.Branch)
	default:
		fmt.Fprintf(w, "%s on %s by %.12s\n", did, out.Branch, out.Commit)
	}
	for _, n := range out.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}
