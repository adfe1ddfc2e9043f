package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
	"github.com/pikasTech/agentrun/lane/verify"
)

// gitops is the head of the branch.
func (s *gatherer) gitops(ctx context.Context) {
	told, err := s.heads(ctx)
	at := s.Now()
	if err != nil {
		s.evidence.Gitops = verify.Miss[verify.Gitops](gap(err))
		return
	}
	head, files, commit, err := s.Branch.Look(ctx, told)
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
	g.Secrets = s.secrets(commit.Message, files)
	s.evidence.Release.Intent = seen(s.intentAt(ctx, head.Catalog.SourceCommitID))
	g.Signature = s.signature(commit)
	s.promotions(ctx, &g, head.Files)
	s.evidence.Gitops = verify.See(g).Asked(at)
}

// secrets are the places on the branch that look like a credential.
func (s *gatherer) secrets(message string, files map[string][]byte) []string {
	looked := memo.Open(s.Memo)
	defer looked.Save()
	scanner := secretscan.Remembered{Rules: secretscan.Default(), Memo: looked}
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
	if commit == s.Commit && s.Intent != nil {
		return s.Intent, nil
	}
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
	if !s.evidence.Gitops.Found {
		s.evidence.Release.Intent = verify.Miss[*intent.Intent](gap(errNoBranch))
	}
	s.evidence.Release.Rendered = s.rendered(&s.evidence)
}

func (s *gatherer) rendered(e *verify.Evidence) verify.Seen[*render.Rendering] {
	switch g, in := e.Gitops, e.Release.Intent; {
	case !g.Found:
		return verify.Miss[*render.Rendering](gap(errNoBranch))
	case !in.Found:
		return verify.Miss[*render.Rendering](in.Gap)
	default:
		return seen(render.Make(in.Value, s.Names, g.Value.Catalog))
	}
}

// maxHistory is how many catalogs are read, one after the other, before the rest is
// unknown: more releases than take place while a run goes on and is kept.
const maxHistory = 100

// earlier are the digests that runs have and the catalog has not, of the branch's
// earlier catalogs. The newest that has one names its commit.
func (s *gatherer) earlier(ctx context.Context) {
	if !s.evidence.Gitops.Found {
		return
	}
	missing := s.unlisted()
	if len(missing) == 0 {
		return
	}
	digests := map[string]string{}
	err := s.Branch.Catalogs(ctx, s.evidence.Gitops.Value.Commit, maxHistory, func(c *catalog.Catalog) bool {
		for _, svc := range c.Services {
			if missing[svc.Image.Digest] {
				digests[svc.Image.Digest] = c.SourceCommitID
				delete(missing, svc.Image.Digest)
			}
		}
		return len(missing) > 0
	})
	s.evidence.Release.Earlier = seen(digests, err)
	s.evidence.Release.Earlier.Value = digests // what was found is true of those, whatever came then
}

// unlisted are the digests that pods pin and the catalog does not have.
func (s *gatherer) unlisted() map[string]bool {
	missing := map[string]bool{}
	for _, c := range s.containers() {
		if c.pinned.Digest != "" {
			missing[c.pinned.Digest] = true
		}
	}
	for _, svc := range s.evidence.Gitops.Value.Catalog.Services {
		delete(missing, svc.Image.Digest)
	}
	return missing
}
