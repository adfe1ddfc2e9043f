package main

import "github.com/spf13/cobra"

func hostCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "host",
		Short:  "Be the lab's forward proxy, git server and test aids (lab up starts this)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			return l.Host(cmd.Context())
		},
	}
}
