package main

import "github.com/spf13/cobra"

func (a *app) retryCommand() *cobra.Command {
	var key string
	var watch bool
	cmd := &cobra.Command{
		Use:   "retry RUN",
		Short: "Run again what has ended; print the new run's id",
		Long: `retry makes a new run from one that has ended: the same prompt, profile, labels and
limits. The old one stays as it is.`,
		Example:           "  agentrun retry --watch 0198c0de-0000-7000-8000-000000000000",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(endedRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			made, err := c.Retry(cmd.Context(), id, key)
			if err != nil {
				return err
			}
			return a.made(cmd, c, made, watch)
		},
	}
	cmd.Flags().StringVar(&key, "idempotency-key", "", "up to 128 plain characters that stand for this request")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "watch the new run to its end")
	completeWords(cmd, "idempotency-key")
	return cmd
}
