package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

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
		fmt.Fprintln(w, strings.TrimRight(plain.Text(r.FinalMessage), "\n"))
	}
}
