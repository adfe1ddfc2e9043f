package main

import "github.com/spf13/cobra"

func upCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Bring the lab up",
		Long: `Builds what is missing and brings the lab up. A lab that is up stays as it is; one
that is not whole is cleared away first. When it fails or is interrupted, what was
started is cleared away.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			return l.Up(cmd.Context())
		},
	}
}
