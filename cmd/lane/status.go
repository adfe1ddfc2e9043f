package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/verify"
)

func (a *app) statusCommand() *cobra.Command {
	var from cluster
	var every bool
	v := verifier{app: a, skip: true}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the lane on one screen",
		Long: `status shows the released commit, what each service runs and since when, what Argo
CD says, which runs are under way and how much has drifted. It judges nothing:
that is what lane verify is for. What it could not see it names.

With --all-lanes it shows every lane of the project of which the remote has a branch,
the oldest version first. A lane that cannot be read says why, beside the others.`,
		Example: "  lane status\n  lane status --all-lanes\n  lane status -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			src, client, noClient, err := a.sourceAndCluster(ctx, &from)
			if err != nil {
				return err
			}
			if noClient == nil {
				defer client.Close()
			}
			if every {
				o, err := v.overview(ctx, src, client, noClient)
				if err != nil {
					return err
				}
				return a.emit(o, func(w io.Writer) { _ = o.Text(w) }) // w is memory
			}
			e, err := v.glance(ctx, src, client, noClient)
			if err != nil {
				return err
			}
			s := verify.StatusOf(e)
			return a.emit(s, func(w io.Writer) { _ = s.Text(w) }) // w is memory
		},
	}
	cmd.Flags().BoolVar(&every, "all-lanes", false, "show every lane of the project")
	v.to.remoteFlag(cmd)
	from.flags(cmd)
	return cmd
}

// lanesAtOnce is how many lanes are looked at side by side: each asks the cluster some
// fifteen questions and the remote one.
const lanesAtOnce = 4

// overview looks at every lane of src's project. What keeps one from being seen is in
// its status; the error says that nothing can be looked at.
func (v *verifier) overview(ctx context.Context, src *source, client *kube.Client, noClient error) (verify.Overview, error) {
	lanes, err := v.app.lanes(ctx, src, &v.to)
	if err != nil {
		return verify.Overview{}, err
	}
	all := make([]verify.Status, len(lanes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lanesAtOnce)
	for i, l := range lanes {
		g.Go(func() error {
			of := *src
			of.names = l.names
			e, err := v.glance(ctx, &of, client, noClient)
			all[i] = verify.StatusOf(e)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return verify.Overview{}, err
	}
	return verify.OverviewOf(src.names.Project, all), nil
}
