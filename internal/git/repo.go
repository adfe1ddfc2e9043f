package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Repo is one repository.
type Repo struct {
	GitDir   string // absolute path of the repository itself
	WorkTree string // absolute path of the work tree's top folder, "" when bare

	// KeepOpen, if set, is inherited by every git process of this Repo. A lock
	// held on it (flock) lives until the last of them has ended, even when the
	// caller is killed first.
	KeepOpen *os.File
}

// Open finds the repository that dir belongs to: a work tree or any folder in
// it, a linked work tree, or a bare repository. A folder without a repository,
// one that git does not trust, and object formats other than sha1 are refused.
func Open(ctx context.Context, dir string) (*Repo, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fail.Fail(dir, "name a folder of a git repository", "opening the repository: %w", errors.Unwrap(err))
	}
	if !info.IsDir() {
		return nil, fail.Fail(dir, "name a folder of a git repository", "opening the repository: not a folder")
	}
	// Where there is no work tree, git answers the first two questions and then stops.
	out, err := call{dir: dir, args: []string{"rev-parse", "--path-format=absolute", "--git-dir", "--show-object-format", "--show-toplevel"}}.run(ctx)
	facts := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	switch bare := len(facts) == 2; {
	case exitCode(err) > 0 && bare:
		facts = append(facts, "")
	case exitCode(err) > 0:
		return nil, fail.Fail(dir, "name a folder of a git repository, or mend what git says about it", "opening the repository: %w", err)
	case err != nil:
		return nil, err
	}
	if len(facts) != 3 || !filepath.IsAbs(facts[0]) {
		return nil, fail.Fail(dir, "rename the folder so that its path has no line break", "opening the repository: git's answer has %d lines, not 3", len(facts))
	}
	if facts[1] != "sha1" {
		return nil, fail.Fail(dir, "use a repository whose object format is sha1", "its object format is %s", clean(facts[1]))
	}
	return &Repo{GitDir: facts[0], WorkTree: facts[2]}, nil
}

// Create makes an empty bare repository in dir, which must not exist or be
// empty. It carries no template, no hook and no remote.
func Create(ctx context.Context, dir string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	_, err = call{args: []string{"init", "--quiet", "--bare", "--template=", "--object-format=sha1", "--initial-branch=main", "--", abs}}.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	return &Repo{GitDir: abs}, nil
}

// Beside makes an empty bare repository in dir, which must not exist or be empty,
// that also sees every object of r and is r's no more than that. The history of a
// shallow r is not seen, because it has ends that only r knows.
func (r *Repo) Beside(ctx context.Context, dir string) (*Repo, error) {
	made, err := Create(ctx, dir)
	if err != nil {
		return nil, err
	}
	shallow, err := r.IsShallow(ctx)
	if err != nil || shallow {
		return made, err
	}
	out, err := r.run(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err != nil {
		return nil, err
	}
	info := filepath.Join(made.GitDir, "objects", "info")
	if err := os.MkdirAll(info, 0o755); err != nil {
		return nil, err
	}
	return made, os.WriteFile(filepath.Join(info, "alternates"), out, 0o644)
}

// IsShallow reports whether the history was cut by a clone or fetch with a
// depth, so that old commits are missing.
func (r *Repo) IsShallow(ctx context.Context) (bool, error) {
	out, err := r.run(ctx, "rev-parse", "--is-shallow-repository")
	return strings.TrimSpace(string(out)) == "true", err
}

// Packs is over how many files the objects are spread in a repository that only
// WriteCommit and Fetch write to. Each of their calls adds one, and with many of
// them every call gets slower.
func (r *Repo) Packs() (int, error) {
	files, err := os.ReadDir(filepath.Join(r.GitDir, "objects", "pack"))
	n := 0
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".pack" {
			n++
		}
	}
	return n, err
}

// run runs one git command in the repository.
func (r *Repo) run(ctx context.Context, args ...string) ([]byte, error) {
	return call{gitDir: r.GitDir, args: args, keep: r.KeepOpen}.run(ctx)
}
