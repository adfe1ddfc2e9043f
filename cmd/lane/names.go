package main

import (
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lane/names"
)

func (a *app) namesCommand() *cobra.Command {
	var lane, rev string
	cmd := &cobra.Command{
		Use:   "names",
		Short: "Print every name that a lane owns",
		Long: `names derives every name of a lane from the project, the version and the cluster
in deploy/deploy.json at a commit. With --lane it prints those that another
lane of the same project has.`,
		Example: "  lane names\n  lane names --lane v0.2 -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source(cmd.Context(), rev, "")
			if err != nil {
				return err
			}
			n := src.names
			if lane != "" {
				if n, err = src.intent.NamesOf(lane); err != nil {
					return err
				}
			}
			return a.emit(namesDocument{headerOf("Names"), n}, func(w io.Writer) { writeNames(w, n) })
		},
	}
	cmd.Flags().StringVar(&lane, "lane", "", "another `version` of the project, such as v0.2")
	cmd.Flags().StringVar(&rev, "commit", "HEAD", "the `commit` whose intent is read")
	return cmd
}

// writeNames prints the names in the order of their declaration.
func writeNames(w io.Writer, n names.Names) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	v := reflect.ValueOf(n)
	for i := range v.NumField() {
		fmt.Fprintf(tw, "%s\t%s\n", v.Type().Field(i).Tag.Get("json"), v.Field(i).String())
	}
	tw.Flush()
}
