// Package observe gathers the evidence that a verdict on a lane rests on.
//
// Input is an Observer: whom to ask. Output is verify.Evidence, every part of it
// either seen or with the reason why not; a part that cannot be seen never keeps
// another from being looked at. The cluster, the registry and git are asked side by
// side. What does not need another answer is asked at once.
//
// It only reads: of Secrets what they are called, of logs the end of containers
// that failed, with everything that looks like a credential withheld. It judges
// nothing: what Glance remembers, package verify has counted. The only thing that it
// writes is the caches of what it asks and of that.
package observe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/verify"
)

// Observer is whom to ask about a lane.
type Observer struct {
	Names  names.Names
	Intent *intent.Intent // of where the question is asked; it says where everything is
	Commit string         // where that is, full id; "" is the released commit

	Kube     *kube.Client // nil when the cluster cannot be reached
	NoKube   error        // why not
	Registry *registry.Client
	Address  string         // of the registry
	Branch   promote.Branch // the GitOps branch
	Repo     *git.Repo      // a clone of the source
	Memo     string         // file that keeps in which contents no credential was found, "" is none
	Steady   string         // file that keeps what Glance found and what changes least, "" is none
	Program  string         // names this program's build: what one found another looks for again; "" always looks

	// Ancestor reports whether commit a is in the history of commit b of the source
	// branch.
	Ancestor func(ctx context.Context, a, b string) (bool, error)
	// Check judges the source tree of a commit.
	Check func(ctx context.Context, commit string) (fail.Findings, error)
	// Tekton makes the lane's Tekton objects as of a commit.
	Tekton func(ctx context.Context, commit string) ([]pipeline.Object, error)

	Host     string // of this machine
	Worktree string // folder to look at as the worktree, "" is where the names say; any other is a clue
	Skip     bool   // the worktree is left out
	Offline  bool   // the cluster is left out: Kube is nil
	Clues    []string
	Now      func() time.Time
}

// Observe looks at everything. The error says that ctx ended.
func (o *Observer) Observe(ctx context.Context) (verify.Evidence, error) {
	s := o.gatherer()
	var all sync.WaitGroup
	branch, live := make(chan struct{}), make(chan struct{})
	all.Go(func() { defer close(branch); s.gitops(ctx) })
	all.Go(func() { defer close(live); s.live(ctx) })
	all.Go(func() { s.argo(ctx) })
	all.Go(func() { s.runs(ctx) })
	all.Go(func() { <-branch; s.release(ctx) })
	all.Go(func() { <-branch; s.run(ctx) })
	all.Go(func() { s.workloads(ctx) })
	all.Go(func() { <-live; s.logs(ctx) })
	all.Go(func() { <-branch; s.images(ctx) })
	all.Go(func() { <-branch; s.tektonObjects(ctx) })
	all.Go(func() { s.findings(ctx, branch) })
	all.Go(func() { <-branch; <-live; s.earlier(ctx) })
	all.Wait()
	// What only now is known to be needed.
	all.Go(func() { s.worktree(ctx) })
	all.Go(func() { s.descent(ctx) })
	all.Go(func() { s.syncedTree(ctx) })
	all.Go(func() { s.otherImages(ctx) })
	all.Go(func() { s.otherTasks(ctx) })
	all.Wait()
	return s.evidence, context.Cause(ctx)
}

func (o *Observer) gatherer() *gatherer {
	return &gatherer{Observer: o, evidence: verify.Evidence{
		Names: o.Names, Intent: o.Intent, At: o.Now(), Skip: o.Skip, Offline: o.Offline, Clues: o.Clues, Images: map[string]verify.Seen[verify.Image]{},
	}}
}

// gatherer is one Observe. Each method writes parts of the evidence that are its
// own.
type gatherer struct {
	*Observer
	evidence verify.Evidence
	mu       sync.Mutex // over evidence.Images
}

// gap is why err kept something from being seen.
func gap(err error) verify.Gap {
	g := verify.Gap{Cause: verify.Failed, Why: fail.Clean(err.Error(), 400), Hint: fail.HintOf(err)}
	switch {
	case kube.IsNotFound(err):
		g.Cause = verify.Absent
	case kube.IsNoResource(err):
		g.Cause = verify.NoKind
	case kube.IsForbidden(err), kube.IsUnauthorized(err):
		g.Cause = verify.Forbidden
	case kube.IsUnreachable(err):
		g.Cause = verify.Unreachable
	case fail.CodeOf(err) == fail.Refused:
		g.Cause = verify.Refused
	}
	return g
}

// seen is what a question came to.
func seen[T any](v T, err error) verify.Seen[T] {
	if err != nil {
		return verify.Miss[T](gap(err))
	}
	return verify.See(v)
}

// noKube is why the cluster cannot be asked.
func (s *gatherer) noKube() verify.Gap {
	if s.Offline {
		return verify.Gap{Why: "the cluster was left out with --offline"}
	}
	err := s.NoKube
	if err == nil {
		err = errors.New("no cluster was named")
	}
	g := gap(err)
	if g.Cause != verify.Forbidden { // whatever it was: that nobody could be asked says of no object that it is not there
		g.Cause = verify.Unreachable
	}
	return g
}

var errNoBranch = errors.New("the GitOps branch was not seen, which says of what")
