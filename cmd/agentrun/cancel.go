package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel RUN",
		Short: "Ask for the end of a run",
		Long: `cancel ends a queued run at once. The agent of another is told to stop, which may
take half a minute; agentrun watch shows when it has. A run that has ended stays as
it is.`,
		Example:           "  agentrun cancel 0198c0de-0000-7000-8000-000000000000",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(ongoingRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			r, err := c.Cancel(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.emit(r, func(w io.Writer) { fmt.Fprintln(w, stateText(r, inkOn(a.stdout))) })
		},
	}
}

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

func (a *app) resultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "result RUN",
		Short: "Print what came of a run: the agent's last words",
		Long: `result prints the agent's last words on standard output, and beside them how the run
ended and what it used. It exits with 3 when the run did not succeed.`,
		Example:           "  agentrun result 0198c0de-0000-7000-8000-000000000000 > answer.md",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(endedRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			r, err := c.Result(cmd.Context(), id)
			if err != nil {
				return err
			}
			if err := a.emit(r, func(w io.Writer) { writeWords(w, r) }); err != nil {
				return err
			}
			if !a.json() {
				a.note("%s", usageText(r.Usage))
			}
			return judge(r.State, r.Reason, r.Message)
		},
	}
}

func writeWords(w io.Writer, r run.Result) {
	if r.FinalMessage != "" {
		fmt.Fprintln(w, trimmed(r.FinalMessage))
	}
}
