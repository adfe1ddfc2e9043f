package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/internal/git"
)

// replayed is how many commits of this repository are compared.
const replayed = 20

// replay compares the answers over the latest commits of the repository that the
// program is started in.
func replay(ctx context.Context, dir string) error {
	repo, err := git.Open(ctx, ".")
	if err != nil {
		fmt.Printf("replay: none, this is no git repository\n")
		return nil
	}
	out, err := exec.CommandContext(ctx, "git", "rev-list", fmt.Sprintf("--max-count=%d", replayed), "HEAD", "--", "cmd", "go.mod", "lane", "internal", "agentrun").Output()
	if err != nil {
		return err
	}
	commits, programs, broken := strings.Fields(string(out)), 0, 0
	for _, commit := range commits {
		work := filepath.Join(dir, "replay")
		if err := checkout(ctx, repo, commit, work); err != nil {
			return err
		}
		n, _, err := compare(ctx, repo, commit, work)
		switch {
		case errors.Is(err, errList):
			broken++
		case err != nil:
			return err
		}
		programs += n
	}
	fmt.Printf("replay: %d commits of this repository, %d programs, the same answer as go list; %d commits that go list refuses\n",
		len(commits)-broken, programs, broken)
	return nil
}

// checkout makes work the files of commit.
func checkout(ctx context.Context, repo *git.Repo, commit, work string) error {
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	entries, err := repo.Tree(ctx, commit)
	if err != nil {
		return err
	}
	blobs, err := repo.Blobs(ctx)
	if err != nil {
		return err
	}
	defer blobs.Close()
	for _, e := range entries {
		data, err := blobs.Read(e.OID, 64<<20)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(work, e.Path), data); err != nil {
			return err
		}
	}
	return nil
}

func write(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// overBuild prints what the package's own property test counts: how often random
// commits, really built, changed an identity and not the binary.
func overBuild(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run=^TestF5_EqualIdentityMeansEqualBinary$", "github.com/pikasTech/agentrun/lane/plan").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		if _, figures, ok := strings.Cut(string(line), ".go:"); ok && strings.Contains(figures, "over-build rate") {
			_, figures, _ = strings.Cut(figures, ": ")
			fmt.Printf("random commits, really built: %s", figures)
		}
	}
	return nil
}
