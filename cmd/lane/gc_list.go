package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
)

// digestPattern is a digest anywhere in a file.
var digestPattern = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// list finds what no history names.
func (g *collector) list(ctx context.Context) error {
	g.doc = garbageDocument{header: headerOf("Garbage"), Lanes: []string{}, List: []garbage{}, Kept: []kept{}}
	lanes, err := g.app.lanes(ctx, g.src, &g.to)
	if err != nil {
		return err
	}
	gitops, sources := map[string]string{}, map[string]string{}
	for _, l := range lanes {
		if l.gitops != "" {
			gitops[l.names.GitopsRef()] = l.gitops
			g.doc.Lanes = append(g.doc.Lanes, l.names.Lane)
		}
		if l.source != "" {
			sources[l.names.SourceRef()] = l.source
		}
	}
	if len(gitops) == 0 {
		return fail.Refuse("C5", git.Remote{URL: g.to.remoteOf(g.src.intent)}.String(), "name the project's remote", "it has no lane's GitOps branch: then everything would be garbage")
	}
	inUse, err := g.named(ctx, gitops)
	if err != nil {
		return err
	}
	commits, remove, err := g.app.fetched(ctx, g.src, &g.to, false, sources)
	if err != nil {
		return err
	}
	defer remove()
	repositories, err := g.client.Repositories(ctx, g.to.registryOf(g.src.intent), g.src.names.Project+"/")
	if err != nil {
		return err
	}
	slices.Sort(repositories)
	for _, r := range repositories {
		if r == g.src.names.Toolchain() || strings.Count(r, "/") != 1 {
			continue // no service's
		}
		if err := g.repository(ctx, r, inUse, commits); err != nil {
			return err
		}
	}
	for _, o := range g.doc.List {
		g.doc.Bytes += o.Bytes
	}
	g.doc.ListHash, err = hashOf(g.doc.List)
	return err
}

// named are all digests in all files of all commits of the branches. Whatever wrote
// them there, and in whatever format, they are not garbage.
func (g *collector) named(ctx context.Context, refs map[string]string) (map[string]bool, error) {
	repo, remove, err := g.app.fetched(ctx, g.src, &g.to, true, refs)
	if err != nil {
		return nil, err
	}
	defer remove()
	ids, err := repo.AllBlobs(ctx)
	if err != nil {
		return nil, err
	}
	blobs, err := repo.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	found := map[string]bool{}
	err = blobs.ReadAll(ids, maxDocument, func(_ int, data []byte) error {
		for _, d := range digestPattern.FindAll(data, -1) {
			found[string(d)] = true
		}
		return nil
	})
	return found, err
}

// repository sorts the images of one repository.
func (g *collector) repository(ctx context.Context, name string, inUse map[string]bool, commits *git.Repo) error {
	ref := registry.Ref{Registry: g.to.registryOf(g.src.intent), Repository: name}
	tags, err := g.client.Tags(ctx, ref)
	if err != nil {
		return err
	}
	slices.Sort(tags)
	heads := make([]registry.Descriptor, len(tags))
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(registry.Parallel)
	for i, tag := range tags {
		group.Go(func() error {
			d, _, err := g.client.Head(limited, ref, tag) // one that is gone meanwhile has no digest
			heads[i] = d
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	images := map[string][]string{}
	types := map[string]string{}
	for i, d := range heads {
		if d.Digest != "" {
			images[d.Digest], types[d.Digest] = append(images[d.Digest], tags[i]), d.MediaType
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(images)) {
		if inUse[digest] {
			g.doc.InUse++
			continue
		}
		o := garbage{Repository: name, Digest: digest, Tags: images[digest]}
		why, err := g.judge(ctx, &o, ref, types[digest], commits)
		if err != nil {
			return err
		}
		if why != "" {
			g.doc.Kept = append(g.doc.Kept, kept{name, digest, why})
			continue
		}
		g.doc.List = append(g.doc.List, o)
	}
	return nil
}

// judge says why an image that no history names is kept all the same, or fills in its
// size and age.
func (g *collector) judge(ctx context.Context, o *garbage, ref registry.Ref, mediaType string, commits *git.Repo) (why string, err error) {
	if mediaType != registry.Schema2 {
		return "lane did not make it: it is of type " + fail.Clean(mediaType, 100), nil
	}
	for _, tag := range o.Tags {
		if !canon.IsCommit(tag) {
			return "a tag names it that is no commit: " + fail.Clean(tag, 100), nil
		}
		at, err := committed(ctx, tag, commits, g.src.repo)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case err != nil:
			return fmt.Sprintf("its commit %.12s is unknown: fetch it, and its age is known", tag), nil
		case at.After(g.now.Add(-g.keep)):
			return fmt.Sprintf("its commit %.12s is younger than %s", tag, g.keep), nil
		}
		if at.After(o.Committed) {
			o.Committed = at.UTC()
		}
	}
	slices.SortFunc(o.Tags, cmp.Compare[string])
	m, err := g.client.Manifest(ctx, ref, o.Digest)
	if err != nil {
		return "", err
	}
	o.Bytes = int64(len(m.Bytes)) + m.Config.Size
	for _, l := range m.Layers {
		o.Bytes += l.Size
	}
	return "", nil
}

// committed is when a commit was made, as the first repository says that has it.
func committed(ctx context.Context, id string, repos ...*git.Repo) (at time.Time, err error) {
	for _, r := range repos {
		var c git.Commit
		if c, err = r.Commit(ctx, id); err == nil {
			return c.Committer.When, nil
		}
	}
	return at, err
}
