package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/verify"
)

// schemas are the documents that have one, in the order of the pipeline.
var schemas = []struct {
	kind string
	text func() []byte
}{
	{"intent", intent.Schema},
	{"plan", plan.Schema},
	{"published", publish.Schema},
	{"catalog", catalog.Schema},
	{"verdict", verify.Schema},
	{"hold", metadata.HoldSchema},
	{"hotfix", metadata.HotfixSchema},
}

func (a *app) schemaCommand() *cobra.Command {
	var kinds []string
	for _, s := range schemas {
		kinds = append(kinds, s.kind)
	}
	return &cobra.Command{
		Use:       "schema " + strings.Join(kinds, "|"),
		Short:     "Print the JSON Schema of a document",
		Long:      "schema prints the JSON Schema (draft 2020-12) of one of the lane's documents.",
		Example:   "  lane schema intent > deploy/deploy.schema.json",
		ValidArgs: kinds,
		Args:      usage(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.print(schemas[slices.Index(kinds, args[0])].text())
		},
	}
}
