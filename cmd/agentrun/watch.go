package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) watchCommand() *cobra.Command {
	var after int64
	cmd := &cobra.Command{
		Use:   "watch RUN",
		Short: "Watch a run to its end, from its beginning",
		Long: `watch shows what happens in a run while it happens: messages, commands with their
output, changed files, the use of tokens, and states. It comes back by itself when
the connection or the manager goes away, and loses nothing. With -o json it prints
each event on one line.

Ending it with Ctrl-C ends the watching alone; the run goes on.`,
		Example: `  agentrun watch 0198c0de-0000-7000-8000-000000000000
  agentrun watch 0198c0de-0000-7000-8000-000000000000 -o json | jq -r 'select(.type == "message").data.text'`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun(anyRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			if after < 0 {
				return usageError("--after %d: events are numbered from 1", after)
			}
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			return a.follow(cmd.Context(), c, id, after)
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "begin after the event of this `number`")
	completeWords(cmd, "after")
	return cmd
}

// follow shows a run's events and judges how it ended.
func (a *app) follow(ctx context.Context, c *client.Client, id string, after int64) error {
	c.Patience = watchPatience
	tell := narrator{out: a.print, ink: inkOn(a.stdout), at: map[string]*spoken{}}
	last, end := after, run.StateData{}
	for e, err := range c.Watch(ctx, id, after) {
		if err != nil && ctx.Err() != nil {
			return &fail.Error{
				Code: fail.Interrupted, Err: err,
				Hint: fmt.Sprintf("the run goes on; agentrun watch %s --after %d comes back, agentrun cancel %s ends it", id, last, id),
			}
		}
		if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusUnauthorized && last > after {
			return &fail.Error{
				Code: fail.Failed, Err: fmt.Errorf("the token is no longer accepted: %w", err),
				Hint: fmt.Sprintf("the run goes on; get another token, then agentrun watch %s --after %d comes back", id, last),
			}
		}
		if err != nil {
			return err
		}
		last = e.Seq
		if e.Type == run.StateChanged {
			if err := json.Unmarshal(e.Data, &end); err != nil {
				return fmt.Errorf("reading event %d: %w", e.Seq, err)
			}
		}
		if err := a.event(e, &tell); err != nil {
			return err
		}
	}
	if end.State == "" { // it had ended before that
		r, err := c.Get(ctx, id)
		if err != nil {
			return err
		}
		end = run.StateData{State: r.State, Reason: r.Reason, Message: r.Message}
	}
	return judge(end.State, end.Reason, end.Message)
}

// event prints one event.
func (a *app) event(e run.Event, tell *narrator) error {
	if !a.json() {
		return tell.event(e)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding event %d: %w", e.Seq, err)
	}
	return a.print(append(plain.JSON(line), '\n'))
}

// judge is nil for a run that succeeded.
func judge(s run.State, reason run.Reason, message string) error {
	switch {
	case s == run.Succeeded:
		return nil
	case reason != "" && message != "":
		return notSucceeded("the run has %s (%s): %s", ended(s), reason, fail.Clean(message, 500))
	case reason != "":
		return notSucceeded("the run has %s (%s)", ended(s), reason)
	}
	return notSucceeded("the run has %s", ended(s))
}

func ended(s run.State) string {
	switch s {
	case run.Cancelled:
		return "been cancelled"
	case run.TimedOut:
		return "run out of time"
	}
	return fail.Clean(string(s), 60)
}
