package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// history answers which commit of the source branch contains which. The clone is
// asked first; where it cannot know, because it is shallow or the branch has
// moved on since, the commits of the branch are fetched into a repository of
// one's own. The clone is never written to.
type history struct {
	app    *app
	src    *source
	remote git.Remote
	ref    string // the source branch

	dir  string    // of the repository of one's own, "" until it is needed
	repo *git.Repo // that repository
}

// close removes what was fetched.
func (h *history) close() {
	if h.dir != "" {
		_ = os.RemoveAll(h.dir)
	}
}

func (h *history) isAncestor(ctx context.Context, a, b string) (bool, error) {
	yes, err := h.src.repo.IsAncestor(ctx, a, b)
	if err == nil || ctx.Err() != nil {
		return yes, err
	}
	if h.repo == nil {
		if fetchErr := h.fetch(ctx); fetchErr != nil {
			return false, errors.Join(err, fetchErr)
		}
	}
	return h.repo.IsAncestor(ctx, a, b)
}

// fetch brings the branch's history.
func (h *history) fetch(ctx context.Context) error {
	cache, err := h.app.cachePath("history")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fail.Fail(cache, "name a folder that can be written with --cache", "making the folder: %w", cause(err))
	}
	if h.dir, err = os.MkdirTemp(cache, ""); err != nil {
		return fail.Fail(cache, "name a folder that can be written with --cache", "making a folder: %w", cause(err))
	}
	repo, err := h.src.repo.Beside(ctx, filepath.Join(h.dir, "history.git"))
	if err != nil {
		return fmt.Errorf("fetching the history of %s: %w", h.ref, err)
	}
	if _, err := repo.FetchHistory(ctx, h.remote, h.ref, "refs/lane/source"); err != nil {
		return err
	}
	h.repo = repo
	return nil
}
