package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lane/verify"
)

func (a *app) statusCommand() *cobra.Command {
	var from cluster
	v := verifier{app: a, brief: true, skip: true}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the lane on one screen",
		Long: `status shows the released commit, what each service runs and since when, what Argo
CD says, which runs are under way and how much has drifted. It judges nothing:
that is what lane verify is for. What it could not see it names.`,
		Example: "  lane status\n  lane status -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			src, err := a.source(ctx, "HEAD", "")
			if err != nil {
				return err
			}
			client, connectErr := from.connect(ctx)
			if connectErr == nil {
				defer client.Close()
			}
			e, err := v.evidence(ctx, src, client, connectErr)
			if err != nil {
				return err
			}
			s := verify.StatusOf(e)
			return a.emit(s, func(w io.Writer) { _ = s.Text(w) }) // w is memory
		},
	}
	v.to.remoteFlag(cmd)
	from.flags(cmd)
	return cmd
}
