package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
)

func (a *app) rehearseCommand() *cobra.Command {
	var commits []string
	var dir string
	var opts planOptions
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: "Carry commits through the whole lane, on this machine",
		Long: `rehearse starts a registry and a git remote of its own, and carries each commit
through the lane as a release does: check, plan, publish, render, promote. It
never touches the lane's registry, its repository or a cluster, and what it
makes is never a release.

With several commits the later ones show what is reused. With --dir the registry
and the remote are kept there, and the next rehearsal goes on from them.`,
		Example: `  lane rehearse
  lane rehearse --commit HEAD~1 --commit HEAD
  lane rehearse --dir /tmp/lane -o json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if dir == "" {
				if dir, err = os.MkdirTemp("", "lane-rehearse-"); err != nil {
					return fail.Fail(os.TempDir(), "set TMPDIR, or name a folder with --dir", "making a folder: %w", cause(err))
				}
				defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			}
			return a.rehearse(cmd.Context(), dir, commits, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&commits, "commit", []string{"HEAD"}, "a `commit` to carry through; may be given several times, in order")
	flags.StringVar(&dir, "dir", "", "keep registry and remote in this `dir`ectory")
	flags.StringVar(&opts.builder, "builder", defaultBuilder, "the `builder` to use: buildkit or buildah")
	completeWords(cmd, "builder", "buildkit", "buildah")
	return cmd
}

// rehearsedRelease is what one commit's way through the lane gave.
type rehearsedRelease struct {
	SourceCommitID string             `json:"sourceCommitId"`
	Plan           *plan.Plan         `json:"plan"`
	Published      *publish.Published `json:"published"`
	Diff           diff.Diff          `json:"diff"`
	Promotion      promote.Outcome    `json:"promotion"`
	Unchanged      []string           `json:"unchanged"` // manifests that are byte for byte what they were
}

// rehearsalDocument is what `lane rehearse -o json` prints.
type rehearsalDocument struct {
	header
	Registry string             `json:"registry"`
	Remote   string             `json:"remote"`
	Releases []rehearsedRelease `json:"releases"`
}

func (a *app) rehearse(ctx context.Context, dir string, commits []string, opts planOptions) error {
	reg, err := scratch.StartRegistry(ctx, filepath.Join(dir, "registry"), scratch.RegistryOptions{})
	if err != nil {
		return err
	}
	defer reg.Close()
	remote, err := scratch.StartGitRemote(ctx, filepath.Join(dir, "git"))
	if err != nil {
		return err
	}
	defer remote.Close()
	a.note("scratch registry %s, scratch remote %s", reg.Addr, remote.URL)

	// The remote's address is another one each time: what is cached of it stays
	// with it.
	to := &target{registry: reg.Addr, remote: remote.URL, cache: filepath.Join(dir, "cache")}
	doc := rehearsalDocument{header: headerOf("Rehearsal"), Registry: reg.Addr, Remote: remote.URL, Releases: []rehearsedRelease{}}
	for i, rev := range commits {
		r, err := a.rehearseOne(ctx, rev, to, opts)
		if err != nil {
			if len(doc.Releases) > 0 {
				err = errors.Join(err, a.emit(doc, func(io.Writer) {}))
			}
			return fmt.Errorf("rehearsing %s: %w", rev, err)
		}
		doc.Releases = append(doc.Releases, *r)
		if !a.json() {
			if err := a.writeRehearsed(fmt.Sprintf("%d/%d", i+1, len(commits)), r); err != nil {
				return err
			}
		}
	}
	return a.emit(doc, func(io.Writer) {})
}

// rehearseOne is one release, every step of it.
func (a *app) rehearseOne(ctx context.Context, rev string, to *target, opts planOptions) (*rehearsedRelease, error) {
	src, err := a.source(ctx, rev, "")
	if err != nil {
		return nil, err
	}
	if found, err := a.findings(ctx, src.repo, src.commit); err != nil {
		return nil, err
	} else if err := found.Err(); err != nil {
		return nil, fmt.Errorf("checking the commit:\n%w", err)
	}
	if err := pushSource(ctx, src, to); err != nil {
		return nil, err
	}
	base, err := a.headOrInit(ctx, src, to)
	if err != nil {
		return nil, err
	}
	r := &rehearsedRelease{SourceCommitID: src.commit}
	if r.Plan, err = a.plan(ctx, src, base, opts); err != nil {
		return nil, err
	}
	if r.Published, err = a.publish(ctx, src, to, r.Plan); err != nil {
		return nil, err
	}
	if r.Diff, err = a.diff(ctx, src, to, r.Plan, r.Published); err != nil {
		return nil, err
	}
	b, err := a.branch(src, to)
	if err != nil {
		return nil, err
	}
	_, before, err := b.Content(ctx)
	if err != nil {
		return nil, err
	}
	if r.Promotion, err = a.promote(ctx, src, to, r.Plan, r.Published, promoteOptions{}); err != nil {
		return nil, err
	}
	_, after, err := b.Content(ctx)
	if err != nil {
		return nil, err
	}
	r.Unchanged = unchanged(src.manifests(before), src.manifests(after))
	return r, nil
}

// pushSource moves the scratch remote's source branch forward to src's commit.
func pushSource(ctx context.Context, src *source, to *target) error {
	remote, ref := git.Remote{URL: to.remote}, src.names.SourceRef()
	refs, err := remote.LsRemote(ctx, ref)
	if err != nil {
		return err
	}
	if tip := refs[ref]; tip != "" {
		if there, err := src.repo.IsAncestor(ctx, src.commit, tip); err != nil || there {
			return err
		}
	}
	pushed, err := src.repo.Push(ctx, remote, src.commit, ref, refs[ref])
	if err != nil {
		return err
	}
	if pushed.Result != git.Pushed {
		return fail.Fail(to.remote, "", "pushing the source branch to the scratch remote: %s: %s", pushed.Result, pushed.Words)
	}
	return nil
}

// headOrInit is the scratch branch's catalog; the first rehearsal makes it.
func (a *app) headOrInit(ctx context.Context, src *source, to *target) (*catalog.Catalog, error) {
	remote, ref := git.Remote{URL: to.remote}, src.names.GitopsRef()
	refs, err := remote.LsRemote(ctx, ref)
	if err != nil {
		return nil, err
	}
	if refs[ref] == "" {
		if _, err := a.init(ctx, src, to, false); err != nil {
			return nil, err
		}
	}
	return a.head(ctx, src, to)
}

// unchanged are the paths that both sides have with the same bytes, sorted.
func unchanged(before, after map[string][]byte) []string {
	out := []string{}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if old, ok := before[path]; ok && bytes.Equal(old, after[path]) {
			out = append(out, path)
		}
	}
	return out
}

func (a *app) writeRehearsed(nth string, r *rehearsedRelease) error {
	return a.emit(r, func(w io.Writer) {
		fmt.Fprintf(w, "\n=== release %s: %s\n\n", nth, r.SourceCommitID)
		writePlan(w, r.Plan)
		fmt.Fprintln(w)
		writePublished(w, r.Published)
		fmt.Fprintln(w)
		a.writeDiff(w, r.Diff)
		fmt.Fprintln(w)
		writeOutcome(w, r.Promotion)
		for _, path := range r.Unchanged {
			fmt.Fprintf(w, "  = %s\n", path)
		}
	})
}
