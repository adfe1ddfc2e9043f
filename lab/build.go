package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build all programs that are not in the cache",
		Long:  "Builds all programs of the lab that are not in the cache, installs the Debian packages that are missing,\nand prints the folders of the programs.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			bin, err := l.Build(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n%s\n", bin.Programs, bin.DNS, bin.Lab)
			return err
		},
	}
}
