package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
)

func (a *app) rollbackCommand() *cobra.Command {
	var from cluster
	b := rollback{releaser: releaser{app: a}}
	cmd := &cobra.Command{
		Use:   "rollback --to COMMIT",
		Short: "Go back to an earlier release, and hold the lane there",
		Long: `rollback looks for the newest promotion of a source commit in the history of the
GitOps branch and proves that it can be promoted again: its intent and its catalog
still render to the bytes of then, and the registry has every image. It shows what
changes, and makes a PipelineRun that promotes those bytes in one commit with a
hold. Nothing is built. Newer releases are refused until lane hold --release.

Argo CD then brings the lane there as with any release: its self-healing keeps the
lane there, and no automation goes forward again by itself.

--follow and the exit codes are those of lane release.`,
		Example: `  lane rollback --to 1f0c2a9 --dry-run
  lane rollback --to 1f0c2a9 --reason 'the api loses orders' --follow
  lane hold --release`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.to == "" {
				return usageError("--to is needed: the source commit to go back to")
			}
			ctx := cmd.Context()
			if err := b.prepare(ctx); err != nil {
				return err
			}
			var err error
			if b.kube, err = from.connect(ctx); err != nil {
				return err
			}
			defer b.kube.Close()
			return b.run(ctx)
		},
	}
	cmd.Flags().StringVar(&b.to, "to", "", "the source `commit` to go back to")
	cmd.Flags().StringVar(&b.reason, "reason", "", "`why` (default: what is gone back from)")
	cmd.Flags().StringVar(&b.until, "until", "", "`when` the hold ends by itself: 2h, or 2026-01-02T03:04:05Z")
	cmd.Flags().StringVar(&b.by, "by", "", "`who` does it (default: git's user.name and user.email)")
	cmd.Flags().BoolVar(&b.follow, "follow", false, "show the run until it has ended")
	cmd.Flags().BoolVar(&b.dryRun, "dry-run", false, "do everything but make the run")
	from.flags(cmd)
	return cmd
}

// rollback goes back to an earlier release.
type rollback struct {
	releaser
	to, reason, until, by string

	there bool // the lane is held there already
}

// rollbackDocument is what the release document says of a run that goes back.
type rollbackDocument struct {
	GitopsCommitID string         `json:"gitopsCommitId"`         // whose content it gets again
	Replaces       string         `json:"replacesSourceCommitId"` // what is gone back from
	Hold           *metadata.Hold `json:"hold"`
	Changes        diff.Diff      `json:"changes"`
}

// prepare proves that the commit can be promoted again, and shows what that changes.
func (b *rollback) prepare(ctx context.Context) error {
	a := b.app
	here, err := a.source(ctx, "HEAD", "")
	if err != nil {
		return err
	}
	b.accept = func(ctx context.Context, _ *source, c *kube.Client) error { return a.accept(ctx, here, c) }
	commit, err := here.repo.Resolve(ctx, b.to)
	if err != nil {
		return err
	}
	if b.src, err = a.sourceOf(ctx, here, commit); err != nil {
		return err
	}
	if err := a.onRemoteSourceBranch(ctx, b.src); err != nil {
		return err
	}
	branch, err := a.branch(b.src, &target{})
	if err != nil {
		return err
	}
	then, err := b.earlier(ctx, branch)
	if err != nil {
		return fmt.Errorf("going back to %.12s: %w", commit, err)
	}
	head, now, err := branch.Content(ctx)
	if err != nil {
		return err
	}
	hold, err := b.hold(ctx, here, head, branch.Now())
	if err != nil {
		return err
	}
	document, err := hold.Encode(here.names)
	if err != nil {
		return err
	}
	if err := secretless(metadata.HoldPath(here.names), document); err != nil {
		return err
	}
	changes, err := diff.Objects(b.src.manifests(now), b.src.manifests(then.files))
	if err != nil {
		return err
	}
	was, err := head.Hold()
	b.there = err == nil && was != nil && was.Live(branch.Now()) && head.Catalog.SourceCommitID == commit && len(changes.Objects)+len(changes.Problems) == 0
	b.why.Rollback = &pipeline.Rollback{To: then.gitops, Hold: document}
	b.about = &rollbackDocument{then.gitops, head.Catalog.SourceCommitID, hold, changes}
	if b.there {
		b.about.Hold = was
	}
	return nil
}

// earlier is the release to go back to, of which every image is there.
func (b *rollback) earlier(ctx context.Context, branch promote.Branch) (*earlier, error) {
	gitops, err := branch.Promotion(ctx, b.src.commit)
	if err != nil {
		return nil, err
	}
	then, err := b.app.earlier(ctx, branch, b.src, gitops)
	if err != nil {
		return nil, err
	}
	return then, b.src.answering(ctx, &target{}, then.catalog)
}

// hold is the one that the rollback brings.
func (b *rollback) hold(ctx context.Context, here *source, head *promote.Head, now time.Time) (*metadata.Hold, error) {
	by, err := here.who(ctx, b.by)
	if err != nil {
		return nil, err
	}
	var until time.Time
	if b.until != "" {
		if until, err = within("until", b.until, now); err != nil {
			return nil, err
		}
	}
	reason := b.reason
	if reason == "" {
		reason = fmt.Sprintf("rolled back from %.12s", head.Catalog.SourceCommitID)
	}
	return metadata.NewHold(here.names, b.src.commit, by, reason, now, until), nil
}

// run starts the PipelineRun, or attaches to the one that goes back already.
func (b *rollback) run(ctx context.Context) error {
	if !b.app.json() {
		if err := b.app.emit(b.about, b.tell); err != nil {
			return err
		}
	}
	choice, err := b.choose(ctx)
	if err != nil {
		return err
	}
	switch active := choice.Active; {
	case active != nil && active.Rollback == b.why.Rollback.To:
		return b.proceed(ctx, attached, active)
	case active != nil:
		return &fail.Error{
			Code: fail.Refused, Where: "PipelineRun " + active.Namespace + "/" + active.Name, Err: fmt.Errorf("the commit has a run that goes on, and it does not go back there"),
			Hint: "wait for it, or end it: lane release --cancel --commit " + b.src.commit,
		}
	case b.there:
		return b.stay(ctx)
	}
	return b.start(ctx, choice.Next)
}

// stay reports that the lane is held there already and, when it is followed, judges it.
func (b *rollback) stay(ctx context.Context) error {
	if b.app.json() {
		doc := releaseDocument{header: headerOf("Release"), SourceCommitID: b.src.commit, Action: reported, Rollback: b.about}
		if err := b.app.emit(doc, nil); err != nil {
			return err
		}
	}
	if b.follow && !b.dryRun {
		return b.accept(ctx, b.src, b.kube)
	}
	return nil
}

// tell writes what the rollback changes.
func (b *rollback) tell(w io.Writer) {
	d := b.about
	if b.there {
		fmt.Fprintf(w, "nothing to do: the lane is %s\n", d.Hold)
		return
	}
	fmt.Fprintf(w, "from %.12s back to %.12s, as it was promoted by %.12s; then %s\n\n", d.Replaces, b.src.commit, d.GitopsCommitID, d.Hold)
	b.app.writeDiff(w, d.Changes)
	fmt.Fprintln(w)
}

// backTo is where a run goes back to, "" in a release.
func (r *releaser) backTo() string {
	if r.why.Rollback == nil {
		return ""
	}
	return r.why.Rollback.To
}
