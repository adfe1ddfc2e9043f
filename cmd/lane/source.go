package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// source is one commit of the source repository and the intent that holds there.
type source struct {
	repo        *git.Repo
	commit      string // full id
	intent      *intent.Intent
	names       names.Names
	exploratory bool // the intent is not the commit's own
}

// source opens the repository at -C and reads the intent of rev, or the one in
// intentFile when that is given.
func (a *app) source(ctx context.Context, rev, intentFile string) (*source, error) {
	repo, err := git.Open(ctx, a.dir)
	if err != nil {
		return nil, err
	}
	commit, err := repo.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	src := &source{repo: repo, commit: commit, exploratory: intentFile != ""}
	if intentFile != "" {
		data, err := readFile(intentFile)
		if err != nil {
			return nil, err
		}
		src.intent, err = intent.Parse(intentFile, data)
		if err != nil {
			return nil, fmt.Errorf("reading the intent: %w", err)
		}
	} else if src.intent, err = intentAt(ctx, repo, commit); err != nil {
		return nil, err
	}
	src.names, err = src.intent.Names()
	return src, err
}

// onSourceBranch refuses a commit that is not on the lane's source branch, as far
// as this clone knows the branch: what writes asks the remote itself. An
// exploration may be of any commit.
func (src *source) onSourceBranch(ctx context.Context) error {
	if src.exploratory {
		return nil
	}
	for _, ref := range []string{"refs/remotes/origin/" + src.names.SourceBranch, src.names.SourceRef()} {
		tip, err := src.repo.Ref(ctx, ref)
		if err != nil {
			return err
		}
		if tip == "" {
			continue
		}
		on, err := src.repo.IsAncestor(ctx, src.commit, tip)
		if err != nil {
			return fmt.Errorf("looking for the commit on %s: %w", ref, err)
		}
		if on {
			return nil
		}
		return fail.Refuse("E1", src.commit, "push it to "+src.names.SourceBranch+" first; to only look at it, use --intent "+intent.Path,
			"the commit is not on %s", ref)
	}
	return nil
}

// intentAt reads the intent of a commit.
func intentAt(ctx context.Context, repo *git.Repo, commit string) (*intent.Intent, error) {
	data, err := repo.ReadFile(ctx, commit, intent.Path, maxDocument)
	if err != nil {
		return nil, fmt.Errorf("reading the intent at %.12s: %w", commit, err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		return nil, fmt.Errorf("reading the intent at %.12s: %w", commit, err)
	}
	return in, nil
}

// maxDocument bounds what is read as one document, in bytes. It is above every
// document's own limit, so that those give the better message.
const maxDocument = 32 << 20

// readFile reads a document that the command line names.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, &fail.Error{Code: fail.Usage, Where: name, Err: fmt.Errorf("reading the file: %w", cause(err))}
	}
	if !info.Mode().IsRegular() || info.Size() > maxDocument {
		return nil, usageError("%s: not a regular file of at most %d MiB", name, maxDocument>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fail.Fail(name, "make the file readable", "reading the file: %w", cause(err))
	}
	return data, nil
}

// writeFile writes a document all or not at all. A device or a pipe, which cannot
// be replaced, is written to; a link is followed.
func writeFile(name string, data []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return usageError("%s: it is a folder; name a file", name)
		}
		if err := os.WriteFile(name, data, 0); err != nil {
			return fail.Fail(name, "give it room, and run it again", "writing the file: %w", cause(err))
		}
		return nil
	}
	if err := renameio.WriteFile(name, data, 0o644, renameio.WithTempDir(filepath.Dir(name))); err != nil {
		return fail.Fail(name, "choose a folder that can be written and has room", "writing the file: %w", cause(err))
	}
	return nil
}

// writeDocument is writeFile for what a verb makes of src, which is never one of
// its tracked files (rule D3).
func (src *source) writeDocument(ctx context.Context, name string, data []byte) error {
	tracked, err := src.tracks(ctx, name)
	if err != nil {
		return err
	}
	if tracked {
		return fail.Refuse("D3", name, "name a file that git does not track", "no step writes a file of the source branch")
	}
	return writeFile(name, data)
}

// tracks reports whether name is a file of src's commit in its work tree.
func (src *source) tracks(ctx context.Context, name string) (bool, error) {
	if src.repo.WorkTree == "" {
		return false, nil
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return false, err
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(folder, filepath.Base(abs))
	}
	top, err := filepath.EvalSymlinks(src.repo.WorkTree)
	if err != nil {
		return false, err
	}
	path, err := filepath.Rel(top, abs)
	if err != nil || !filepath.IsLocal(path) {
		return false, nil
	}
	entries, err := src.repo.Tree(ctx, src.commit, filepath.ToSlash(path))
	return len(entries) > 0, err
}

// cause drops the path that an error repeats: the message has it already.
func cause(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
