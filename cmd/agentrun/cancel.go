package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel RUN",
		Short: "Ask for the end of a run",
		Long: `cancel ends a queued run at once. The agent of another is told to stop, which may
take half a minute; agentrun watch shows when it has. A run that has ended stays as
it is.`,
		Example:           "  agentrun cancel 0198c0de-0000-7000-8000-000000000000",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(ongoingRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			r, err := c.Cancel(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.emit(r, func(w io.Writer) { fmt.Fprintln(w, stateText(r, inkOn(a.stdout))) })
		},
	}
}
