package observe

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/verify"
)

// heads are where the source branch and the GitOps branch are on their origin. The error
// is why the latter cannot be read.
func (s *gatherer) heads(ctx context.Context) (gitops string, err error) {
	ref := s.Names.SourceRef()
	gitops, refs, err := s.Branch.Ask(ctx, ref)
	var source error
	switch {
	case refs == nil:
		source = err
	case refs[ref] == "":
		source = fail.Fail(s.Branch.Remote.String(), "push the source branch", "the remote has no %s", ref)
	}
	s.evidence.Source.Head = seen(refs[ref], source).Asked(s.Now())
	if err != nil {
		err = fmt.Errorf("reading the GitOps branch: %w", err)
	}
	return gitops, err
}

// descent is whether the released commit is on the source branch, and who wrote it
// and the head.
func (s *gatherer) descent(ctx context.Context) {
	src := &s.evidence.Source
	switch {
	case !s.evidence.Gitops.Found:
		src.Contains, src.Authors = verify.Miss[bool](gap(errNoBranch)), verify.Miss[[]string](gap(errNoBranch))
		return
	case !src.Head.Found:
		src.Contains, src.Authors = verify.Miss[bool](src.Head.Gap), verify.Miss[[]string](src.Head.Gap)
		return
	}
	released, head := s.evidence.Gitops.Value.Catalog.SourceCommitID, src.Head.Value
	on := released == head
	var err error
	if !on {
		on, err = s.Ancestor(ctx, released, head)
	}
	src.Contains = seen(on, err)
	var authors []string
	for i, id := range []string{released, head} {
		if i == 1 && id == released {
			break
		}
		c, err := s.Repo.Commit(ctx, id)
		if err != nil {
			if i == 1 {
				break // newer than the clone; the released one tells
			}
			src.Authors = verify.Miss[[]string](gap(err))
			return
		}
		authors = append(authors, c.Author.Name)
	}
	src.Authors = verify.See(authors)
}

// findings are those of lane check in the released commit. Looking at a commit takes
// longer than anything else, so it begins with the one that was asked about, which is
// nearly always the released one, before the branch has told.
func (s *gatherer) findings(ctx context.Context, branch <-chan struct{}) {
	var ahead verify.Seen[fail.Findings]
	if s.Commit != "" {
		ahead = seen(s.Check(ctx, s.Commit))
	}
	<-branch
	if !s.evidence.Gitops.Found {
		s.evidence.Source.Findings = verify.Miss[fail.Findings](gap(errNoBranch))
		return
	}
	if released := s.evidence.Gitops.Value.Catalog.SourceCommitID; released != s.Commit {
		ahead = seen(s.Check(ctx, released))
	}
	s.evidence.Source.Findings = ahead
}

// worktree is the fixed worktree, when this is its machine. Any other that was named is
// looked at too, and is a clue: every clone can be clean and at the branch's head (rule
// I9).
func (s *gatherer) worktree(ctx context.Context) {
	if s.Skip {
		return
	}
	host, path, _ := strings.Cut(s.Names.SourceWorktree, ":")
	switch {
	case s.Worktree != "":
		named, err := filepath.Abs(s.Worktree)
		if err != nil || named != path || !sameHost(s.Host, host) {
			clue := fmt.Sprintf("the worktree %s:%s is not the lane's own, %s", s.Host, named, s.Names.SourceWorktree)
			s.evidence.Clues = append(slices.Clip(s.evidence.Clues), clue)
		}
		path = s.Worktree
	case !sameHost(s.Host, host):
		s.evidence.Worktree = verify.Miss[verify.Worktree](verify.Gap{
			Cause: verify.Elsewhere, Why: fmt.Sprintf("it is on %s, and this is %s", host, s.Host),
			Hint: "run it there, or leave the worktree out with --skip worktree",
		})
		return
	}
	w, err := worktreeAt(ctx, path)
	if err == nil {
		w.Origin = s.evidence.Source.Head.Value
	}
	s.evidence.Worktree = seen(w, err).Asked(s.Now())
}

func worktreeAt(ctx context.Context, path string) (verify.Worktree, error) {
	repo, err := git.Open(ctx, path)
	if err != nil {
		return verify.Worktree{}, err
	}
	state, err := repo.State(ctx)
	if err != nil {
		return verify.Worktree{}, err
	}
	w := verify.Worktree{Path: repo.WorkTree, Ref: state.Ref, Head: state.Head}
	if abs, err := filepath.Abs(path); err != nil || abs != filepath.Clean(w.Path) {
		w.Path = path
	}
	for _, change := range state.Changes {
		// Tasks have their worktrees there.
		if change != "?? .worktree/" {
			w.Dirty = append(w.Dirty, change)
		}
	}
	return w, nil
}

// sameHost compares the names of machines: case does not matter, nor does a domain
// that only one of them has.
func sameHost(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	short, _, _ := strings.Cut(a, ".")
	return !strings.Contains(b, ".") && strings.EqualFold(short, b)
}
