package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show RUN",
		Short:             "Show a run as it is now",
		Example:           "  agentrun show 0198c0de-0000-7000-8000-000000000000 -o json",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(anyRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			r, err := c.Get(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.emit(r, func(w io.Writer) { writeRun(w, r, inkOn(a.stdout)) })
		},
	}
}

// made tells of a new run, and follows it when that is wanted.
func (a *app) made(cmd *cobra.Command, c *client.Client, r run.Run, watch bool) error {
	if watch {
		a.note("run %s", r.ID)
		return a.follow(cmd.Context(), c, r.ID, 0)
	}
	if err := a.emit(r, func(w io.Writer) { fmt.Fprintln(w, plain.Line(r.ID, 100)) }); err != nil {
		return err
	}
	if !a.json() {
		a.note("it is %s; see it with: agentrun watch %s", r.State, r.ID)
	}
	return nil
}

func writeRun(w io.Writer, r run.Run, on ink) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("run", "%s", plain.Line(r.ID, 100))
	row("project", "%s", plain.Line(r.Project, 100))
	row("state", "%s", stateText(r, on))
	if r.Message != "" {
		row("message", "%s", plain.Line(r.Message, 2000))
	}
	row("profile", "%s", plain.Line(r.Profile, 100))
	if len(r.Labels) > 0 {
		row("labels", "%s", labelsText(r.Labels))
	}
	row("attempt", "%d of %d, %v each", r.Attempt, r.MaxAttempts, time.Duration(r.DeadlineSeconds)*time.Second)
	if r.Priority != 0 {
		row("priority", "%d", r.Priority)
	}
	if r.RetryOf != "" {
		row("retry of", "%s", plain.Line(r.RetryOf, 100))
	}
	row("created", "%s", r.CreatedAt.Format(time.RFC3339))
	if r.StartedAt != nil {
		row("started", "%s", r.StartedAt.Format(time.RFC3339))
	}
	if r.FinishedAt != nil {
		row("finished", "%s", r.FinishedAt.Format(time.RFC3339))
	}
	row("events", "%d", r.LastSeq)
	_ = t.Flush() // w is memory
	fmt.Fprintf(w, "\n%s\n", strings.TrimRight(plain.Text(r.Prompt), "\n"))
}

// stateText is the state in a few words.
func stateText(r run.Run, on ink) string {
	s := on.state(r.State)
	if r.Reason != "" {
		s += " (" + plain.Line(string(r.Reason), 60) + ")"
	}
	if r.Cancelling && !r.State.Terminal() {
		s += ", being cancelled"
	}
	return s
}

func (on ink) state(s run.State) string {
	text := plain.Line(string(s), 60)
	switch s {
	case run.Succeeded:
		return on.good(text)
	case run.Failed, run.TimedOut:
		return on.bad(text)
	case run.Cancelled:
		return on.mild(text)
	}
	return on.place(text)
}

func labelsText(labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, plain.Line(k+"="+labels[k], 200))
	}
	return strings.Join(all, " ")
}
