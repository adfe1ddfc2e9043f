package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
)

// branch is the GitOps branch of src's lane.
func (a *app) branch(src *source, to *target) (promote.Branch, error) {
	cache := to.cache
	if cache == "" {
		var err error
		if cache, err = a.cachePath("gitops"); err != nil {
			return promote.Branch{}, err
		}
	}
	now, err := clock()
	if err != nil {
		return promote.Branch{}, err
	}
	return promote.Branch{Names: src.names, Remote: git.Remote{URL: to.remoteOf(src.intent)}, Cache: cache, Now: now}, nil
}

// writableBranch is branch with the history that a promotion is judged by: the
// source branch as the remote has it. The caller closes the history.
func (a *app) writableBranch(ctx context.Context, src *source, to *target) (promote.Branch, *history, error) {
	b, err := a.branch(src, to)
	if err != nil {
		return b, nil, err
	}
	ref, tag := src.names.SourceRef(), "refs/tags/"+src.names.SourceBranch
	refs, err := b.Remote.LsRemote(ctx, ref, tag)
	if err != nil {
		return b, nil, fmt.Errorf("reading the source branch: %w", err)
	}
	if refs[tag] != "" {
		return b, nil, fail.Refuse("A1", b.Remote.String()+" "+tag, "rename or delete the tag",
			"a tag has the name of the source branch: git and Argo CD would prefer it")
	}
	if refs[ref] == "" {
		return b, nil, fail.Refuse("E1", b.Remote.String(), "push the source branch first", "the remote has no %s", ref)
	}
	h := &history{app: a, src: src, remote: b.Remote, ref: ref}
	b.Source = promote.Source{Head: refs[ref], Ancestor: h.isAncestor}
	return b, h, nil
}

// clock is the time that commits carry: git's own variable, so that a promotion
// can be repeated byte for byte, or now.
func clock() (func() time.Time, error) {
	const variable = "GIT_COMMITTER_DATE"
	fixed := os.Getenv(variable)
	if fixed == "" {
		return time.Now, nil
	}
	at, err := git.ParseDate(fixed)
	if err != nil {
		return nil, usageError("%s: %w", variable, err)
	}
	return func() time.Time { return at }, nil
}

// cachePath is a file or folder for what can be made anew.
func (a *app) cachePath(name string) (string, error) {
	root := a.cache
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", &fail.Error{Code: fail.Usage, Hint: "set HOME, or name a folder with --cache", Err: fmt.Errorf("looking for the cache folder: %w", err)}
		}
		root = filepath.Join(user, "lane")
	}
	return filepath.Join(root, name), nil
}

// files is everything that the GitOps branch of a release holds: the rendered
// manifests and the catalog c, which learns their digest here.
func (src *source) files(c *catalog.Catalog) (map[string][]byte, error) {
	tree, err := render.Render(src.intent, src.names, c)
	if err != nil {
		return nil, err
	}
	c.RenderDigest = tree.Digest()
	data, err := c.Encode()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{src.names.ArtifactCatalog: data}
	maps.Copy(files, tree)
	return files, nil
}
