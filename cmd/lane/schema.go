package main

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
)

func (a *app) schemaCommand() *cobra.Command {
	schemas := map[string]func() []byte{
		"intent":    intent.Schema,
		"plan":      plan.Schema,
		"published": publish.Schema,
		"catalog":   catalog.Schema,
	}
	kinds := []string{"intent", "plan", "published", "catalog"}
	return &cobra.Command{
		Use:       "schema intent|plan|published|catalog",
		Short:     "Print the JSON Schema of a document",
		Long:      "schema prints the JSON Schema (draft 2020-12) of one of the lane's documents.",
		Example:   "  lane schema intent > deploy/deploy.schema.json",
		ValidArgs: kinds,
		Args:      usage(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := a.stdout.Write(schemas[args[0]]())
			return err
		},
	}
}
