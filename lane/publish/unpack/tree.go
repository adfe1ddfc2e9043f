package unpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan/archives"
)

// Tree gives the folder that has a tree's archives unpacked. It belongs to the store
// and must not be changed.
func (s *Store) Tree(ctx context.Context, l *archives.Lock) (dir string, err error) {
	dir = filepath.Join(s.Dir, "trees", strings.TrimPrefix(canon.Identity(l.Inputs()), "sha256:"))
	now := time.Now()
	if os.Chtimes(dir, now, now) == nil {
		return dir, nil
	}
	s.prune(now)
	files := make([]string, len(l.Archives))
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, a := range l.Archives {
		g.Go(func() (err error) {
			files[i], err = s.file(fetching, a)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", s.unusable(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".part-*")
	if err != nil {
		return "", s.unusable(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }() // it has another name when it is whole
	root, err := os.OpenRoot(temp)
	if err != nil {
		return "", s.unusable(err)
	}
	defer root.Close()
	u := &unpacker{root: root, drops: l.Drops, left: maxTree}
	for i, a := range l.Archives {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		if err := u.archive(a, files[i]); err != nil {
			return "", fmt.Errorf("unpacking %s: %w", a.FullName(), err)
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return "", s.unusable(err)
	}
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another process was quicker
			return "", s.unusable(err)
		}
	}
	return dir, nil
}

// Place puts a tree at a path that is not there, without copying what is in its files.
func Place(tree, at string) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		to := filepath.Join(at, rest)
		switch d.Type() {
		case fs.ModeDir:
			return errors.Join(os.MkdirAll(to, 0o755), os.Chmod(to, 0o755)) // whatever the umask is
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		}
		if err := os.Link(path, to); err != nil {
			return fail.Fail(at, "let the cache and the state folder be on one file system", "placing a tree: %w", err)
		}
		return nil
	})
}
