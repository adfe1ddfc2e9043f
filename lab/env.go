package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables for programs that work inside the lab's network",
		Long: `Prints the variables for programs that work inside the lab's network, as lines for a
shell. Passwords are named by their files, never printed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			for _, variable := range l.Env() {
				name, value, _ := strings.Cut(variable, "=")
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
