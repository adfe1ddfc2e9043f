package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// mostRuns bounds what list keeps to print it as one document.
const mostRuns = 10_000

func (a *app) listCommand() *cobra.Command {
	var f client.Filter
	var state string
	var labels []string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List runs, the newest first",
		Example: "  agentrun list --state failed --label ticket=1234\n  agentrun list --limit 200 -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if state != "" {
				if f.State, err = run.ParseState(state); err != nil {
					return usageError("--state %s: %w", state, err)
				}
			}
			if f.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if limit < 1 || limit > mostRuns {
				return usageError("--limit %d: it is between 1 and %d", limit, mostRuns)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			runs := []run.Run{}
			for r, err := range c.Runs(cmd.Context(), f) {
				if err != nil {
					return err
				}
				if runs = append(runs, r); len(runs) == limit {
					break
				}
			}
			return a.emit(map[string]any{"runs": runs}, func(w io.Writer) { writeRuns(w, runs, time.Now(), inkOn(a.stdout)) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "runs in this `state` only")
	flags.StringVar(&f.Profile, "profile", "", "runs of this profile `name` only")
	flags.StringArrayVarP(&labels, "label", "l", nil, "runs with this `key=value` only; may be repeated")
	flags.IntVar(&limit, "limit", 20, "how many runs at most")
	completeWords(cmd, "state", stateWords()...)
	completeBy(cmd, "profile", a.completeProfile)
	completeWords(cmd, "label")
	completeWords(cmd, "limit")
	return cmd
}

func writeRuns(w io.Writer, runs []run.Run, now time.Time, on ink) {
	if len(runs) == 0 {
		fmt.Fprintln(w, "no runs")
		return
	}
	// Widths are fixed: colours would confuse a tabwriter.
	fmt.Fprintf(w, "%-36s  %-9s  %4s  %-12s  %s\n", "RUN", "STATE", "AGE", "PROFILE", "PROMPT")
	for _, r := range runs {
		pad := max(0, 9-len(r.State))
		fmt.Fprintf(w, "%-36s  %s%*s  %4s  %-12s  %s\n", plain.Line(r.ID, 36), on.state(r.State), pad, "",
			age(now.Sub(r.CreatedAt)), plain.Line(r.Profile, 12), plain.Line(r.Prompt, 60))
	}
}

// age is a duration in one unit, as short as can be.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
