package main

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
)

func openapiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Prints the OpenAPI document of the API",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := api.Document()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(document)
			return err
		},
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError(err)
	}
	return nil
}
