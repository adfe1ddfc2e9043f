package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

// laneAt is one lane of the project as the remote's branches tell.
type laneAt struct {
	names  names.Names
	source string // what its source branch points at, "" when there is none
	gitops string // likewise, of its GitOps branch
}

// lanes are the project's lanes of which the remote has a branch, the oldest version
// first.
func (a *app) lanes(ctx context.Context, src *source, to *target) ([]laneAt, error) {
	refs, err := git.Remote{URL: to.remoteOf(src.intent)}.Branches(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]laneAt{}
	for ref := range refs {
		lane := strings.TrimSuffix(strings.TrimPrefix(ref, "refs/heads/"), "-gitops")
		n, err := src.intent.NamesOf(lane)
		if err != nil || n.GitopsRef() != ref && n.SourceRef() != ref {
			continue // a branch that is no lane's
		}
		found[lane] = laneAt{names: n, source: refs[n.SourceRef()], gitops: refs[n.GitopsRef()]}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b laneAt) int { return compareLanes(a.names.Lane, b.names.Lane) }), nil
}

// compareLanes orders versions by their numbers.
func compareLanes(a, b string) int {
	number := func(lane string) (int, int) {
		major, minor, _ := strings.Cut(strings.TrimPrefix(lane, "v"), ".")
		x, _ := strconv.Atoi(major) // names.For let nothing else through
		y, _ := strconv.Atoi(minor)
		return x, y
	}
	a1, a2 := number(a)
	b1, b2 := number(b)
	return cmp.Or(cmp.Compare(a1, b1), cmp.Compare(a2, b2))
}

// branchOf is the GitOps branch of another lane of src's project.
func (a *app) branchOf(src *source, n names.Names, to *target) (promote.Branch, error) {
	other := *src
	other.names = n
	return a.branch(&other, to)
}

// fetched is a repository of one's own with what was fetched of some refs, whole or as
// commits alone. The caller calls remove.
func (a *app) fetched(ctx context.Context, src *source, to *target, whole bool, refs map[string]string) (repo *git.Repo, remove func(), err error) {
	cache, err := a.cachePath("history")
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, nil, fail.Fail(cache, "name a folder that can be written with --cache", "making the folder: %w", cause(err))
	}
	dir, err := os.MkdirTemp(cache, "")
	if err != nil {
		return nil, nil, fail.Fail(cache, "name a folder that can be written with --cache", "making a folder: %w", cause(err))
	}
	remove = func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	if repo, err = git.Create(ctx, filepath.Join(dir, "lanes.git")); err != nil {
		return nil, nil, err
	}
	remote := git.Remote{URL: to.remoteOf(src.intent)}
	for i, ref := range slices.Sorted(maps.Keys(refs)) {
		fetch := repo.FetchHistory
		if whole {
			fetch = repo.FetchWhole
		}
		id, err := fetch(ctx, remote, ref, fmt.Sprintf("refs/lane/of-%d", i))
		if err != nil {
			return nil, nil, err
		}
		refs[ref] = id // it may have moved since it was asked for
	}
	return repo, remove, nil
}

// subject is the first line of a commit's message.
func subject(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return line
}
