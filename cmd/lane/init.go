package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
)

func (a *app) initCommand() *cobra.Command {
	var to target
	var commit string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a lane's GitOps branch with its first catalog",
		Long: `init makes the lane's GitOps branch: a commit without history that holds a
catalog of no services and the manifests that are no workloads, so that Argo CD
finds its path. Nothing else ever makes the branch or a first catalog. A branch
that exists already is refused.

A person runs it once for a lane, from any machine that may push: it builds
nothing and promotes nothing, so it needs no TaskRun. Look at --dry-run first.`,
		Example: `  lane init --dry-run
  lane init --commit v0.1`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			src, err := a.source(ctx, commit, "")
			if err != nil {
				return err
			}
			out, err := a.init(ctx, src, &to, dryRun)
			if err != nil {
				return err
			}
			return a.emitOutcome(out)
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the source `commit` whose intent is rendered")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "do everything but the push")
	to.remoteFlag(cmd)
	return cmd
}

// init makes the branch of src's lane.
func (a *app) init(ctx context.Context, src *source, to *target, dryRun bool) (promote.Outcome, error) {
	b, h, err := a.writableBranch(ctx, src, to)
	if err != nil {
		return promote.Outcome{}, err
	}
	defer h.close()
	if on, err := h.isAncestor(ctx, src.commit, b.Source.Head); err != nil {
		return promote.Outcome{}, err
	} else if !on {
		return promote.Outcome{}, fail.Refuse("E1", src.commit, "name a commit of the source branch with --commit",
			"the commit is not on %s of the remote", src.names.SourceRef())
	}
	digest, err := src.intent.Digest()
	if err != nil {
		return promote.Outcome{}, err
	}
	files, err := src.files(catalog.Empty(src.names, src.commit, digest))
	if err != nil {
		return promote.Outcome{}, err
	}
	return b.Init(ctx, src.commit, files, dryRun)
}
