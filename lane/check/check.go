// Package check judges a source tree against the rules that speak of one; Rules
// lists them.
//
// Run reads one commit and never the work tree, and returns every finding at
// once: the rule, file and line, why, and what to do. Content is looked at, not
// names: a catalog, a rendered manifest or a credential is found under any path
// and in any notation, and no path and no comment is exempt. What another
// project's tree looks like is none of its business: names, digests and documents
// are this project's when they bear the project that deploy/deploy.json names,
// and a folder with a deploy/deploy.json of its own is judged by that one.
//
// Run changes nothing and asks no network. Its one effect is the optional memo
// of scan results, which holds no secret. A file that is too large to be looked at
// is itself a finding (rule C1), and one that is no text is looked at without its
// zero bytes, so nothing passes unseen but images, fonts, audio and video.
package check

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// Source is the commit that is judged.
type Source struct {
	Repo   *git.Repo
	Commit string // full id
	Memo   string // file that keeps scan results by content, or "" for none
}

// Run judges a commit. The findings are sorted and empty for a clean tree; the
// error says that the commit could not be read.
func Run(ctx context.Context, src Source) (fail.Findings, error) {
	entries, err := src.Repo.Tree(ctx, src.Commit)
	if err != nil {
		return nil, fmt.Errorf("checking %.12s: %w", src.Commit, err)
	}
	blobs, err := src.Repo.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("checking %.12s: %w", src.Commit, err)
	}
	defer blobs.Close()
	t := newTree(entries, blobs)
	in, err := readIntents(t)
	if err != nil {
		return nil, fmt.Errorf("checking %.12s: %w", src.Commit, err)
	}
	seen := memo.Open(src.Memo)
	defer seen.Save()
	j := &judge{tree: t, intents: in, secrets: secretscan.Remembered{Rules: secretscan.Default(), Memo: seen}}
	found, err := j.files(ctx)
	if err != nil {
		return nil, fmt.Errorf("checking %.12s: %w", src.Commit, err)
	}
	found = append(found, in.findings...)
	found = append(found, j.paths()...)
	links, err := j.links()
	if err != nil {
		return nil, fmt.Errorf("checking %.12s: %w", src.Commit, err)
	}
	found = append(found, links...)
	found.Sort()
	return slices.Compact(found), nil
}

// judge looks at one tree. It is not changed while workers use it.
type judge struct {
	tree    *tree
	intents *intents
	secrets secretscan.Remembered
}

// files looks at the content of every file, with as many workers as there are
// processors.
func (j *judge) files(ctx context.Context) (fail.Findings, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	results := make([]fail.Findings, len(j.tree.entries))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				found, err := j.file(j.tree.entries[i])
				if err != nil {
					cancel(err)
				}
				results[i] = found
			}
		})
	}
	for i := range j.tree.entries {
		select {
		case work <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var all fail.Findings
	for _, r := range results {
		all = append(all, r...)
	}
	return all, nil
}

// file looks at one file.
func (j *judge) file(e git.Entry) (fail.Findings, error) {
	if e.Mode == git.ModeSubmodule {
		return nil, nil // paths speaks of it
	}
	data, err := j.tree.read(e)
	if tooLarge, ok := asTooLarge(err); ok {
		return fail.Findings{{
			Rule: "C1", File: e.Path, Why: fmt.Sprintf("the file has %d bytes, more than check looks at", tooLarge.Size),
			Hint: "keep it outside of git, and pin it by its digest where it is used",
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	f := newFile(e, data)
	if e.Mode == git.ModeSymlink {
		return f.link(), nil
	}
	found := f.foreign()
	found = append(found, j.credentials(f)...)
	if f.text == nil {
		return found, nil
	}
	own := j.intents.of(e.Path)
	for _, look := range []func(*file, *owner) fail.Findings{j.generated, j.retired, j.network, j.legacy} {
		found = append(found, look(f, own)...)
	}
	return found, nil
}
