package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/verify"
)

// looker is a verb that looks at a lane as verify does.
type looker struct {
	verifier
	from    cluster
	skipped []string
}

func (l *looker) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&l.skipped, "skip", nil, "the `link` to leave out: worktree")
	completeWords(cmd, "skip", string(verify.LinkWorktree))
	cmd.Flags().StringVar(&l.worktree, "worktree", "", "the `dir`ectory to look at instead of the lane's own worktree; what is seen there is a clue and no evidence")
	cmd.Flags().BoolVar(&l.offline, "offline", false, "ask Git and the registry alone; what only the cluster shows is unknown")
	l.to.registryFlag(cmd)
	l.to.remoteFlag(cmd)
	l.from.flags(cmd)
}

// check refuses flags that exclude each other.
func (l *looker) check() error {
	for _, link := range l.skipped {
		if link != string(verify.LinkWorktree) {
			return usageError("--skip %s: only the worktree can be left out", link)
		}
		l.skip = true
	}
	if l.skip && l.worktree != "" {
		return usageError("--skip worktree and --worktree exclude each other")
	}
	if l.offline && (l.from.options.Kubeconfig != "" || l.from.options.Context != "") {
		return usageError("--offline asks no cluster: leave --kubeconfig and --context out")
	}
	return nil
}

// look gathers the evidence and hands it on.
func (l *looker) look(ctx context.Context, use func(context.Context, *source, verify.Evidence) error) error {
	if err := l.check(); err != nil {
		return err
	}
	var src *source
	var client *kube.Client
	var noClient, err error
	if l.offline {
		src, err = l.app.source(ctx, "HEAD", "")
	} else if src, client, noClient, err = l.app.sourceAndCluster(ctx, &l.from); err == nil && noClient == nil {
		defer client.Close()
	}
	if err != nil {
		return err
	}
	e, err := l.evidence(ctx, src, client, noClient)
	if err != nil {
		return err
	}
	return use(ctx, src, e)
}
