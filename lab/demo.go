package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lab/lanes"
)

func demoCommand() *cobra.Command {
	var o lanes.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Open the repository's lane in the lab and release two commits",
		Long: `Opens the lane of the repository around this folder in the lab, releases its
commit, then a second one that touches one service, shows the verdict of both, and
ends with a user's run on what was released. The lab is brought up first; everything stays up to look at.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			if err := l.Up(cmd.Context()); err != nil {
				return err
			}
			o.Say = os.Stdout
			return lanes.Demo(cmd.Context(), l, o)
		},
	}
	cmd.Flags().StringVar(&o.Repository, "repository", "..", "the `dir`ectory of the source repository")
	cmd.Flags().StringVar(&o.Commit, "commit", "HEAD", "the `commit` to begin with")
	cmd.Flags().StringVar(&o.Program, "lane", "../bin/lane", "the lane `program`")
	cmd.Flags().StringVar(&o.Agentrun, "agentrun", "../bin/agentrun", "the agentrun `program`")
	cmd.Flags().StringVar(&o.Model, "model", "../bin/model", "a `program` that serves a model")
	cmd.Flags().StringVar(&o.Toolchain, "toolchain", "../.cache/toolchain", "the `dir`ectory that make toolchain wrote")
	return cmd
}
