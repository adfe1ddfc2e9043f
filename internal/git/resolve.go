package git

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

const hintUnshallow = "fetch the whole history: git fetch --unshallow"

// Resolve is the full id of the commit that rev names: a full or abbreviated
// id, a ref, or any of git's expressions such as HEAD~2. A name that is both a
// branch and a tag, an abbreviation of several objects, and a rev that names no
// commit are refused, each with its own words.
func (r *Repo) Resolve(ctx context.Context, rev string) (string, error) {
	if err := checkRev(rev); err != nil {
		return "", err
	}
	if both, err := r.isBranchAndTag(ctx, rev); err != nil {
		return "", err
	} else if both {
		return "", fail.Fail(rev, "write refs/heads/"+rev+" or refs/tags/"+rev, "resolving the commit: it is a branch and a tag")
	}
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	commit := strings.TrimSpace(string(out))
	switch {
	case err == nil && canon.IsCommit(commit):
		return commit, nil
	case err == nil:
		return "", fmt.Errorf("resolving %s: git answers %q", rev, clean(commit))
	case exitCode(err) < 0:
		return "", err
	}
	return "", r.whyNot(ctx, rev)
}

// whyNot explains a rev that did not resolve to a commit.
func (r *Repo) whyNot(ctx context.Context, rev string) error {
	if out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev); err == nil {
		if kind, err := r.run(ctx, "cat-file", "-t", strings.TrimSpace(string(out))); err == nil {
			return fail.Fail(rev, "name a commit", "resolving the commit: it is a %s", clean(string(kind)))
		}
	}
	if isAbbreviation(rev) {
		out, _ := r.run(ctx, "rev-parse", "--disambiguate="+rev)
		if found := strings.Fields(string(out)); len(found) > 1 {
			return fail.Fail(rev, "write more digits of the id", "resolving the commit: %d objects begin like this", len(found))
		}
	}
	shallow, err := r.IsShallow(ctx)
	if err != nil {
		return err
	}
	if shallow {
		return fail.Fail(rev, hintUnshallow, "resolving the commit: it is not here, and the history of this clone is cut")
	}
	return fail.Fail(rev, "check the name, or git fetch if it is newer than this clone", "resolving the commit: there is no such commit here")
}

// Ref is the id that the full ref points at, "" when there is no such ref.
func (r *Repo) Ref(ctx context.Context, ref string) (string, error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if exitCode(err) == 1 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if !canon.IsCommit(id) {
		return "", fmt.Errorf("reading %s: git answers %q", ref, clean(id))
	}
	return id, nil
}

func (r *Repo) isBranchAndTag(ctx context.Context, rev string) (bool, error) {
	if rev == "HEAD" || canon.IsCommit(rev) || strings.HasPrefix(rev, "refs/") || strings.ContainsAny(rev, "^~:@{}*?[\\ ") {
		return false, nil
	}
	out, err := r.run(ctx, "for-each-ref", "--format=%(refname)", "refs/heads/"+rev, "refs/tags/"+rev)
	return strings.Contains("\n"+string(out), "\nrefs/heads/"+rev+"\n") && strings.Contains("\n"+string(out), "\nrefs/tags/"+rev+"\n"), err
}

func isAbbreviation(rev string) bool {
	return len(rev) >= 4 && len(rev) < 40 && strings.Trim(strings.ToLower(rev), "0123456789abcdef") == ""
}

func checkRev(rev string) error {
	if rev == "" || strings.HasPrefix(rev, "-") || strings.ContainsFunc(rev, unicode.IsControl) {
		return &fail.Error{Code: fail.Usage, Where: fmt.Sprintf("%q", rev), Err: fmt.Errorf("this is not a revision"), Hint: "name a commit id, a branch or a tag"}
	}
	return nil
}

// checkRef lets only plain full refs through.
func checkRef(ref string) error {
	bad := !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".lock") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "//") || strings.Contains(ref, "/.") || strings.Contains(ref, "@{") ||
		strings.ContainsAny(ref, "^~:?*[\\ ") || strings.ContainsFunc(ref, unicode.IsControl)
	if bad {
		return fail.Fail(fmt.Sprintf("%q", ref), "write it in full, such as refs/heads/v0.1", "this is not a full ref")
	}
	return nil
}
