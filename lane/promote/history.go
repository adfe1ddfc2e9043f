package promote

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
)

const (
	historyRef = "refs/lane/history" // the branch's head in the history
	pastRef    = "refs/lane/past"    // the earlier commit in the cache that was read last
)

// maxHistory is how many commits of the branch are looked at.
const maxHistory = 50_000

// Walk visits the commits of the branch, from its head on along first parents,
// until visit has seen enough. Only commits are fetched, no files, and of those only
// what is new since the last time.
func (b Branch) Walk(ctx context.Context, visit func(git.Commit) (more bool)) error {
	return b.walk(ctx, "", visit)
}

// walk is Walk from a commit on that the remote said that the branch is at; "" asks it.
func (b Branch) walk(ctx context.Context, told string, visit func(git.Commit) (more bool)) error {
	err := b.withCache(ctx, func(c *cache) error {
		repo, head, err := c.history(ctx, told)
		if err != nil {
			return err
		}
		return repo.FirstParents(ctx, head, maxHistory, visit)
	})
	if err != nil {
		return fmt.Errorf("reading the history of the GitOps branch: %w", err)
	}
	return nil
}

// history is the repository that has the branch's commits up to the one that it is at,
// which the remote said a moment ago, or says now. It is another one than the cache's,
// which is cut off below each head.
func (c *cache) history(ctx context.Context, told string) (*git.Repo, string, error) {
	repo := &git.Repo{GitDir: strings.TrimSuffix(c.dir, ".git") + "-history.git", KeepOpen: c.repo.KeepOpen}
	if told != "" {
		if head, err := repo.Ref(ctx, historyRef); err == nil && head == told {
			return repo, head, nil
		}
	}
	told, err := c.ask(ctx)
	if err != nil {
		return nil, "", err
	}
	if told == "" {
		return nil, "", c.branch.missing()
	}
	for again := false; ; again = true {
		if _, err := os.Stat(filepath.Join(repo.GitDir, "HEAD")); err != nil || again {
			if err := os.RemoveAll(repo.GitDir); err != nil {
				return nil, "", c.branch.unusable(err)
			}
			if _, err := git.Create(ctx, repo.GitDir); err != nil {
				return nil, "", c.branch.unusable(err)
			}
		}
		head, err := repo.FetchHistory(ctx, c.branch.Remote, c.branch.Names.GitopsRef(), historyRef)
		if err == nil || again || ctx.Err() != nil {
			return repo, head, err
		}
	}
}

// Past is Look for an earlier commit of the branch. Whether the commit is of the
// branch is for Walk to tell.
func (b Branch) Past(ctx context.Context, commit string) (*Head, map[string][]byte, git.Commit, error) {
	var head *Head
	var about git.Commit
	content := map[string][]byte{}
	err := b.withCache(ctx, func(c *cache) (err error) {
		for {
			if head, err = c.past(ctx, commit); err != nil {
				return err
			}
			if about, err = c.readFiles(ctx, head, everything, content); err == nil || c.renewed || ctx.Err() != nil {
				return err
			}
			if err = c.renew(ctx); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, nil, git.Commit{}, fmt.Errorf("reading the GitOps branch at %.12s: %w", commit, err)
	}
	return head, content, about, nil
}

// past reads an earlier commit of the branch, which is fetched unless it is here: a
// commit never changes.
func (c *cache) past(ctx context.Context, commit string) (*Head, error) {
	if head, err := c.branch.read(ctx, c.repo, commit); err == nil || fail.CodeOf(err) == fail.Refused {
		return head, err
	}
	if _, err := c.repo.FetchCommit(ctx, c.branch.Remote, commit, pastRef); err != nil {
		return nil, err
	}
	return c.branch.read(ctx, c.repo, commit)
}

// Catalogs visits the catalogs of the branch's commits, from head on along first
// parents, until visit has seen enough. head is where the remote said that the branch
// is. Each is fetched by itself, once, so that the cost is that of how far back visit has
// to look. A commit without a catalog that can be read,
// by hand or of another format, vouches for nothing and is passed over. After limit
// commits of a longer history it is an error that visit wants more.
func (b Branch) Catalogs(ctx context.Context, head string, limit int, visit func(*catalog.Catalog) (more bool)) error {
	var commits []string
	if err := b.walk(ctx, head, func(c git.Commit) bool {
		commits = append(commits, c.ID)
		return len(commits) <= limit
	}); err != nil {
		return err
	}
	return b.withCache(ctx, func(c *cache) error {
		for i, commit := range commits {
			if i == limit {
				return fmt.Errorf("the last %d commits of the GitOps branch do not tell", limit)
			}
			head, err := c.past(ctx, commit)
			switch {
			case err == nil:
				if !visit(head.Catalog) {
					return nil
				}
			case fail.CodeOf(err) != fail.Refused:
				return fmt.Errorf("reading the GitOps branch at %.12s: %w", commit, err)
			}
		}
		return nil
	})
}

// Promotion is the newest commit of the branch that promoted a source commit. One
// that was never promoted is refused by rule E1.
func (b Branch) Promotion(ctx context.Context, source string) (string, error) {
	found := ""
	err := b.Walk(ctx, func(c git.Commit) bool {
		if Trailer(c.Message, TrailerSource) == source {
			found = c.ID
		}
		return found == ""
	})
	if err == nil && found == "" {
		err = fail.Refuse("E1", source, "name a commit that was released; the trailers of "+b.Names.GitopsBranch+" tell which: git log", "the commit was never promoted")
	}
	return found, err
}

// Differ are the files of two commits of the branch that differ, the lane's metadata
// aside, sorted.
func (b Branch) Differ(before, after []git.Entry) []string {
	return slices.DeleteFunc(Differing(before, after), b.isMetadata)
}

// Differing are the files of two commits that differ, sorted.
func Differing(before, after []git.Entry) []string {
	was := map[string]git.Entry{}
	for _, e := range before {
		was[e.Path] = e
	}
	var differ []string
	for _, e := range after {
		if was[e.Path] != e {
			differ = append(differ, e.Path)
		}
		delete(was, e.Path)
	}
	for path := range was {
		differ = append(differ, path)
	}
	slices.Sort(differ)
	return differ
}
