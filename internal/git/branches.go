package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Branches asks for every branch of the remote: full ref to id.
func (m Remote) Branches(ctx context.Context) (map[string]string, error) {
	out, err := m.run(ctx, call{gitDir: os.DevNull}, "ls-remote", "--refs", "--heads", "--", m.URL)
	if err != nil {
		return nil, m.unreachable("asking for its branches", err)
	}
	found, err := parseRefs(string(out))
	if err != nil {
		return nil, fail.Fail(m.String(), "check that the address is a git repository", "asking for its branches: %w", err)
	}
	return found, nil
}

// FetchWhole brings the commit at the remote's ref with all its ancestors and every
// file of theirs, and points the full ref local of this repository at it. It gives
// the commit's id.
func (r *Repo) FetchWhole(ctx context.Context, from Remote, ref, local string) (string, error) {
	for _, name := range []string{ref, local} {
		if err := checkRef(name); err != nil {
			return "", err
		}
	}
	what := []string{"--no-filter"}
	if partial, err := filepath.Glob(filepath.Join(r.GitDir, "objects", "pack", "*.promisor")); err != nil || len(partial) > 0 {
		what = append(what, "--refetch") // git would not bring the files of commits that it has
	}
	return r.fetch(ctx, from, ref, local, what...)
}

// AllBlobs are the ids of every blob that is in the repository, whatever names it.
func (r *Repo) AllBlobs(ctx context.Context) ([]string, error) {
	out, err := r.run(ctx, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)")
	if err != nil {
		return nil, fmt.Errorf("listing the repository's objects: %w", err)
	}
	var ids []string
	for line := range strings.Lines(string(out)) {
		if kind, id, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && kind == "blob" && canon.IsCommit(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Without are the commits of id that none of the others has in its history, newest
// first, at most limit; all of them full ids. The repository must have the histories.
func (r *Repo) Without(ctx context.Context, id string, limit int, others ...string) ([]Commit, error) {
	args := []string{"rev-list", fmt.Sprintf("--max-count=%d", limit)}
	for i, c := range append([]string{id}, others...) {
		switch {
		case !canon.IsCommit(c):
			return nil, fmt.Errorf("comparing histories: %q is no full id", clean(c))
		case i > 0:
			c = "^" + c
		}
		args = append(args, c)
	}
	out, err := r.run(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("comparing histories: %w", err)
	}
	blobs, err := r.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	var commits []Commit
	for id := range strings.FieldsSeq(string(out)) {
		c, err := blobs.Commit(id)
		if err != nil {
			return nil, err
		}
		commits = append(commits, c)
	}
	return commits, nil
}
