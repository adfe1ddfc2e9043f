package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// completeWords offers fixed words for a flag; the flag exists by construction.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	completeBy(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func completeBy(cmd *cobra.Command, flag string, by cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, by); err != nil {
		panic(err)
	}
}

// A person waits for a completion: it is asked for once, and only for a moment.
const (
	completeTime = 2 * time.Second
	completeRuns = 30
)

// asked is the answer of one question for a completion, nothing when it fails.
func (a *app) asked(ctx context.Context, ask func(context.Context, *client.Client) []string) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c.Patience = 0
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	return ask(ctx, c), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeRun offers the newest runs that fit, for the first argument.
func (a *app) completeRun(fits func(run.Run) bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.asked(cmd.Context(), func(ctx context.Context, c *client.Client) (words []string) {
			for r, err := range c.Runs(ctx, client.Filter{}) {
				if err != nil || len(words) == completeRuns {
					break
				}
				if fits(r) {
					words = append(words, cobra.CompletionWithDesc(r.ID, string(r.State)+" "+plain.Line(r.Prompt, 40)))
				}
			}
			return words
		})
	}
}

func anyRun(run.Run) bool       { return true }
func endedRun(r run.Run) bool   { return r.State.Terminal() }
func ongoingRun(r run.Run) bool { return !r.State.Terminal() }

// completeProfile offers the names of the profiles.
func (a *app) completeProfile(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.asked(cmd.Context(), func(ctx context.Context, c *client.Client) (words []string) {
		profiles, err := c.Profiles(ctx)
		if err != nil {
			return nil
		}
		for _, p := range profiles {
			words = append(words, plain.Line(p.Name, 100))
		}
		return words
	})
}

func stateWords() []string {
	words := make([]string, len(run.States))
	for i, s := range run.States {
		words[i] = string(s)
	}
	return words
}
