package main

import "github.com/spf13/cobra"

func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl ARGS...",
		Short:              "Run kubectl as the lab's administrator",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			return l.Become(append([]string{"kubectl"}, args...))
		},
	}
}
