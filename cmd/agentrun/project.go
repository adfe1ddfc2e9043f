package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) projectCommand() *cobra.Command {
	var most int
	cmd := &cobra.Command{
		Use:   "project NAME",
		Short: "Show a project, or make and change it (needs a token for administration)",
		Long: `project shows how many runs of a project may be under way at once. With --max-running
it sets that, and makes the project when there is none.`,
		Example: "  agentrun project shop --max-running 4",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var p client.Project
			if cmd.Flags().Changed("max-running") {
				p, err = c.PutProject(cmd.Context(), client.Project{Name: args[0], MaxRunning: most})
			} else {
				p, err = c.GetProject(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			return a.emit(p, func(w io.Writer) {
				fmt.Fprintf(w, "%s: up to %d runs at once\n", plain.Line(p.Name, 100), p.MaxRunning)
			})
		},
	}
	cmd.Flags().IntVar(&most, "max-running", 0, "how many runs may be under way at once")
	completeWords(cmd, "max-running")
	return cmd
}
