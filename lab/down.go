package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lab/debian"
)

func downCommand() *cobra.Command {
	var cache bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take the lab down and remove what it left",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			if err := errors.Join(l.Down(cmd.Context()), debian.Allow()); err != nil || !cache {
				return err
			}
			return os.RemoveAll(l.Cache)
		},
	}
	cmd.Flags().BoolVar(&cache, "cache", false, "remove the built programs too")
	return cmd
}
