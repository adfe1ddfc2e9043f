package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) profilesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "profiles",
		Short:   "List the ways of running that there are",
		Example: "  agentrun profiles\n  agentrun profiles set fast.json",
		Args:    knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			all, err := c.Profiles(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"profiles": all}, func(w io.Writer) { writeProfiles(w, all) })
		},
	}
	cmd.AddCommand(a.profilesSetCommand())
	return cmd
}

func (a *app) profilesSetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set FILE",
		Short: "Make a profile, or replace it (needs a token for administration)",
		Long: `set makes the profile that FILE holds as JSON, in the form that agentrun profiles -o json
shows. Runs that were submitted before keep what the profile was then.`,
		Example: `  agentrun profiles -o json | jq '.profiles[0] | .name = "fast" | .effort = "low"' > fast.json
  agentrun profiles set fast.json`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, _, err := readBounded(args[0], configBytes)
			if err != nil {
				return &fail.Error{Code: fail.Usage, Err: fmt.Errorf("reading the profile: %w", err), Hint: "name a file that can be read"}
			}
			var p run.Profile
			if err := canon.Unmarshal(args[0], "", data, &p, canon.Limits{Bytes: configBytes, Depth: 4}); err != nil {
				return &fail.Error{Code: fail.Usage, Err: err, Hint: "see agentrun profiles -o json for the form"}
			}
			if p.Name == "" {
				return usageError("%s: the profile has no name", args[0])
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if p, err = c.PutProfile(cmd.Context(), p); err != nil {
				return err
			}
			return a.emit(p, func(w io.Writer) { writeProfiles(w, []run.Profile{p}) })
		},
	}
}

func writeProfiles(w io.Writer, all []run.Profile) {
	fmt.Fprintf(w, "%-16s  %-20s  %-7s  %-11s  %-9s  %8s  %s\n", "NAME", "MODEL", "EFFORT", "APPROVAL", "ANSWER", "DEADLINE", "ATTEMPTS")
	for _, p := range all {
		fmt.Fprintf(w, "%-16s  %-20s  %-7s  %-11s  %-9s  %8s  %d\n", plain.Line(p.Name, 60), orDash(p.Model), orDash(p.Effort),
			plain.Line(p.ApprovalPolicy, 20), plain.Line(string(p.Approvals), 20), time.Duration(p.DeadlineSeconds)*time.Second, p.MaxAttempts)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return plain.Line(s, 60)
}
