package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
)

// PushResult says how a compare-and-swap of a remote ref ended.
type PushResult string

// The results of Push.
const (
	Pushed  PushResult = "pushed"  // the ref points at the commit
	Moved   PushResult = "moved"   // the ref points at something else than was expected
	Deleted PushResult = "deleted" // the ref was expected, and is gone
	Refused PushResult = "refused" // the ref is as expected, but the remote would not change it
	Unsent  PushResult = "unsent"  // the ref is as expected, and the remote was never asked: this side is at fault
)

// Push is the outcome of one push.
type Push struct {
	Result PushResult
	Now    string // what the remote's ref points at, "" when it does not exist
	Words  string // what git and the remote said, cleaned; "" when pushed
}

// Push points the remote's ref at commit if it still points at expected; ""
// means that the ref must not exist. A push that fails is judged by asking the
// remote for the ref, so an answer lost on the way is found out too. The error
// is non-nil when the remote could not be asked, or ctx ended; then the ref
// points either at expected or at commit, and calling again is safe.
func (r *Repo) Push(ctx context.Context, to Remote, commit, ref, expected string) (Push, error) {
	if err := checkRef(ref); err != nil {
		return Push{}, err
	}
	if !canon.IsCommit(commit) || expected != "" && !canon.IsCommit(expected) {
		return Push{}, fmt.Errorf("pushing %q over %q: both must be full ids", clean(commit), clean(expected))
	}
	out, err := to.run(ctx, call{gitDir: r.GitDir, keep: r.KeepOpen},
		"push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no",
		"--force-with-lease="+ref+":"+expected, "--", to.URL, commit+":"+ref)
	if err == nil {
		return Push{Result: Pushed, Now: commit}, nil
	}
	if ctx.Err() != nil {
		return Push{}, fmt.Errorf("pushing to %s: %w", to, err)
	}
	return to.judge(ctx, commit, ref, expected, wasAnswered(string(out), ref), err)
}

// judge says how a push ended that was not simply taken, by asking the remote.
// answered tells whether the remote decided, err what was said.
func (m Remote) judge(ctx context.Context, commit, ref, expected string, answered bool, err error) (Push, error) {
	refs, silent := m.LsRemote(ctx, ref)
	if silent != nil {
		return Push{}, m.unreachable("pushing to it", err)
	}
	p := Push{Now: refs[ref], Words: pushWords(err)}
	switch {
	case p.Now == commit:
		p.Result, p.Words = Pushed, ""
	case p.Now == "" && expected != "":
		p.Result = Deleted
	case p.Now != expected:
		p.Result = Moved
	case answered:
		p.Result = Refused
	default:
		p.Result = Unsent
	}
	return p, nil
}

func pushWords(err error) string {
	if e, ok := errors.AsType[*exitError](err); ok && e.words != "" {
		return e.words
	}
	return clean(err.Error())
}

// wasAnswered reports whether `push --porcelain` has a line for ref: "flag TAB
// from:to TAB summary". Without one the push ended before the remote decided.
func wasAnswered(out, ref string) bool {
	for line := range strings.Lines(out) {
		flag, rest, ok := strings.Cut(line, "\t")
		names, _, ok2 := strings.Cut(rest, "\t")
		if ok && ok2 && len(flag) == 1 && strings.HasSuffix(names, ":"+ref) {
			return true
		}
	}
	return false
}
