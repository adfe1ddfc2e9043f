package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
	"github.com/pikasTech/agentrun/lane/verify"
)

// gitops is the head of the branch.
func (s *gatherer) gitops(ctx context.Context) {
	head, files, commit, err := s.Branch.Look(ctx)
	at := s.Now()
	if err != nil {
		s.evidence.Gitops = verify.Miss[verify.Gitops](gap(err))
		return
	}
	g := verify.Gitops{Commit: head.Commit, Tree: commit.Tree, Message: commit.Message, Catalog: head.Catalog, Files: files}
	for _, e := range head.Files {
		if e.Mode != git.ModeFile {
			g.Odd = append(g.Odd, e.Path)
		}
	}
	if !s.Brief {
		g.Secrets = secrets(commit.Message, files)
	}
	s.evidence.Release.Intent = seen(s.intentAt(ctx, head.Catalog.SourceCommitID))
	g.Signature = s.signature(commit)
	s.promotions(ctx, &g, head.Files)
	s.evidence.Gitops = verify.See(g).Asked(at)
}

// secrets are the places on the branch that look like a credential.
func secrets(message string, files map[string][]byte) []string {
	scanner := secretscan.Default()
	var found []string
	look := func(name string, data []byte) {
		for _, hit := range scanner.Scan(name, data) {
			found = append(found, fmt.Sprintf("%s:%d:%d: %s", name, hit.Line, hit.Column, hit.Why))
		}
	}
	look("the commit's message", []byte(message))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		look(path, files[path])
	}
	return found
}

// signature says what the commit's signature is worth to the released intent. After a
// rollback that is an older one: a key that was taken into use since is as good.
func (s *gatherer) signature(c git.Commit) verify.Seen[verify.Signature] {
	in := s.evidence.Release.Intent
	if !in.Found {
		return verify.Miss[verify.Signature](in.Gap)
	}
	signers := in.Value.CI.Signers
	if promote.Trailer(c.Message, promote.TrailerRollback) != "" && s.Intent != nil {
		signers = slices.Concat(s.Intent.CI.Signers, signers)
	}
	by, err := promote.SignedBy(c, signers)
	switch {
	case err == nil:
		return verify.See(verify.Signature{State: verify.Signed, By: by})
	case errors.Is(err, promote.ErrUnsigned):
		return verify.See(verify.Signature{State: verify.Unsigned})
	}
	return verify.See(verify.Signature{State: verify.Bad, Why: fail.Clean(err.Error(), 200)})
}

const maxIntent = 4 << 20

func (s *gatherer) intentAt(ctx context.Context, commit string) (*intent.Intent, error) {
	data, err := s.Repo.ReadFile(ctx, commit, intent.Path, maxIntent)
	if err != nil {
		return nil, fmt.Errorf("reading the released intent: %w", err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		return nil, fmt.Errorf("reading the released intent: %w", err)
	}
	return in, nil
}

// release renders the released commit again.
func (s *gatherer) release(ctx context.Context) {
	g, in := s.evidence.Gitops, s.evidence.Release.Intent
	switch {
	case !g.Found:
		s.evidence.Release.Intent = verify.Miss[*intent.Intent](gap(errNoBranch))
		s.evidence.Release.Rendered = verify.Miss[map[string][]byte](gap(errNoBranch))
	case !in.Found:
		s.evidence.Release.Rendered = verify.Miss[map[string][]byte](in.Gap)
	default:
		tree, err := render.Render(in.Value, s.Names, g.Value.Catalog)
		s.evidence.Release.Rendered = seen(map[string][]byte(tree), err)
	}
}

// maxHistory is how many earlier catalogs are read.
const maxHistory = 100

// earlier are the digests of the branch's earlier catalogs, as far as the clone has
// its history. It is read only when a run has an image that the catalog does not
// have.
func (s *gatherer) earlier(ctx context.Context) {
	if !s.evidence.Gitops.Found || !s.needsHistory() {
		return
	}
	digests, err := s.history(ctx)
	s.evidence.Release.Earlier = seen(digests, err)
}

// needsHistory reports whether a pod pins an image that the catalog does not have.
func (s *gatherer) needsHistory() bool {
	now := map[string]bool{}
	for _, svc := range s.evidence.Gitops.Value.Catalog.Services {
		now[svc.Image.Digest] = true
	}
	for _, c := range s.containers() {
		if d := c.pinned.Digest; d != "" && !now[d] {
			return true
		}
	}
	return false
}

func (s *gatherer) history(ctx context.Context) (map[string]string, error) {
	ref := "refs/remotes/origin/" + s.Names.GitopsBranch
	commit, err := s.Repo.Ref(ctx, ref)
	if err != nil {
		return nil, err
	}
	if commit == "" {
		return nil, fail.Fail(ref, "git fetch origin "+s.Names.GitopsBranch, "the clone does not have the branch's history")
	}
	digests := map[string]string{}
	for n := 0; commit != "" && n < maxHistory; n++ {
		data, err := s.Repo.ReadFile(ctx, commit, s.Names.ArtifactCatalog, maxIntent)
		if err != nil {
			return nil, err
		}
		c, err := catalog.Parse(s.Names.ArtifactCatalog, data, s.Names)
		if err != nil {
			return nil, err
		}
		for _, svc := range c.Services {
			if _, later := digests[svc.Image.Digest]; !later {
				digests[svc.Image.Digest] = c.SourceCommitID
			}
		}
		about, err := s.Repo.Commit(ctx, commit)
		if err != nil {
			return nil, err
		}
		if commit = ""; len(about.Parents) > 0 {
			commit = about.Parents[0]
		}
	}
	return digests, nil
}
