package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan"
)

// project is the generated project, committed.
type project struct {
	dir   string
	self  string   // this program
	work  string   // a checkout of changed
	goEnv []string // of the go command, the same as a release's
	files int

	repo          *git.Repo
	base, changed string    // two commits; one file differs
	deep          *git.Repo // the same with many commits between base and deepChanged
	deepChanged   string
	released      string // file with the plan of base
	cache         string // folder with the memo after it
}

const changedFile = "cmd/svc0123/handler.go"

func setUp(ctx context.Context, dir string) (*project, error) {
	p := &project{dir: dir, work: filepath.Join(dir, "work"), released: filepath.Join(dir, "released.json"), cache: filepath.Join(dir, "filled")}
	var err error
	if p.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if p.goEnv, err = plan.GoEnvironment(ctx, "local"); err != nil {
		return nil, err
	}
	files, err := generate()
	if err != nil {
		return nil, err
	}
	p.files = len(files)
	if p.repo, err = git.Create(ctx, filepath.Join(dir, "repo.git")); err != nil {
		return nil, err
	}
	if p.base, err = commit(ctx, p.repo, "", files); err != nil {
		return nil, err
	}
	files[changedFile] = source("main", nil, "handler", 61)
	change := map[string][]byte{changedFile: files[changedFile]}
	if p.changed, err = commit(ctx, p.repo, p.base, change); err != nil {
		return nil, err
	}
	for name, data := range files {
		if err := write(filepath.Join(p.work, name), data); err != nil {
			return nil, err
		}
	}
	out, err := exec.CommandContext(ctx, p.self, "once", p.repo.GitDir, p.base, p.cache, "").Output()
	if err != nil {
		return nil, fmt.Errorf("planning the first commit: %w", err)
	}
	if err := os.WriteFile(p.released, out, 0o644); err != nil {
		return nil, err
	}
	return p, p.deepen(ctx, change)
}

func commit(ctx context.Context, repo *git.Repo, parent string, files map[string][]byte) (string, error) {
	return repo.WriteCommit(ctx, git.NewCommit{
		Parent: parent, Put: files, Message: "generated",
		By: git.Signature{Name: "bench", Email: "bench@example.org", When: time.Unix(1700000000, 0).UTC()},
	})
}

// deepen makes a copy of the repository with 5,000 commits after base.
func (p *project) deepen(ctx context.Context, change map[string][]byte) error {
	to := filepath.Join(p.dir, "deep.git")
	if err := os.CopyFS(to, os.DirFS(p.repo.GitDir)); err != nil {
		return err
	}
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "reset refs/heads/deep\nfrom %s\n\n", p.base)
	for i := range 5000 {
		text := fmt.Sprintf("# Many, %d\n", i)
		fmt.Fprintf(&stream, "commit refs/heads/deep\ncommitter bench <bench@example.org> %d +0000\ndata 0\nM 100644 inline README.md\ndata %d\n%s\n", 1700000000+i, len(text), text)
	}
	cmd := exec.CommandContext(ctx, "git", "--git-dir="+to, "fast-import", "--quiet")
	cmd.Stdin, cmd.Stderr = &stream, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("making a long history: %w", err)
	}
	var err error
	if p.deep, err = git.Open(ctx, to); err != nil {
		return err
	}
	tip, err := p.deep.Resolve(ctx, "refs/heads/deep")
	if err != nil {
		return err
	}
	p.deepChanged, err = commit(ctx, p.deep, tip, change)
	return err
}

// replace makes dir a copy of the folder from.
func replace(dir, from string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(from))
}
