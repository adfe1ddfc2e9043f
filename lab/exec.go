package main

import "github.com/spf13/cobra"

func execCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [--] COMMAND ARGS...",
		Short: "Run a command inside the lab's network",
		Long: `Runs a command inside the lab's network with the variables of lab env, so that
127.0.0.1:5000 is the registry, as on the real host.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			return l.Become(args)
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
