package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/runner"
	"github.com/pikasTech/agentrun/internal/fail"
)

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return int(fail.OK)
	}
	fmt.Fprintf(stderr, "%s: %v\n", cmd.CommandPath(), err)
	if hint := fail.HintOf(err); hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", hint)
	}
	return int(fail.CodeOf(err))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "agentrun-runner",
		Short: "Run one attempt inside a Job",
		Long: `agentrun-runner runs one attempt at one run, inside a Job that the manager made.

It asks the manager what to do, drives "codex app-server" through one turn, reports
what happens as it happens, and says how it ended. Where the manager is and who the
attempt is stand in the environment:

  AGENTRUN_MANAGER_URL   the manager's address, such as http://agentrun-mgr:8080
  AGENTRUN_TOKEN_FILE    file with the pod's projected ServiceAccount token
  CODEX_HOME             the folder that codex-home has filled

Exit codes: 0 succeeded, 1 failed, 2 usage, 64 a folder, credential or configuration
that cannot work, 70 AgentRun is at fault, 75 the same may work later, 124 the
deadline came first, 130 cancelled. What counts is what the manager was told.`,
		Args:              usage(cobra.NoArgs),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		// Not help and 0: a Job without arguments would count as done.
		RunE: func(*cobra.Command, []string) error {
			return usageError(errors.New("name what to do: check, run or codex-home"))
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.AddCommand(checkCommand(), runCommand(), codexHomeCommand())
	return root
}

func checkCommand() *cobra.Command {
	var workspace string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether an attempt could begin",
		Long: `check looks whether the workspace is writable and the Codex home is writable and
holds auth.json and config.toml. It names every problem at once and leaves nothing
behind.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := needed("CODEX_HOME", "the folder that codex-home has filled")
			if err != nil {
				return err
			}
			if err := runner.Check(workspace, home); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "everything is in place")
			return err
		},
	}
	workspaceFlag(cmd, &workspace)
	return cmd
}

func workspaceFlag(cmd *cobra.Command, workspace *string) {
	cmd.Flags().StringVar(workspace, "workspace", "/workspace", "`folder` that the agent works in")
}

// needed is a variable of the environment that has to be set.
func needed(name, what string) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	return "", usageError(fmt.Errorf("%s is not set: %s", name, what))
}

func codexHomeCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "codex-home --from DIR --to DIR",
		Short: "Fill the Codex home from the Secret's projection",
		Long: `codex-home is for the Job's init container. It checks auth.json and config.toml in
the read-only projection of the Codex Secret and copies exactly those two, with
mode 0600, into the writable folder that Codex gets as its home. Nothing is copied
unless both can work; doing it again does no harm; nothing of their content is
printed.`,
		Example: "  agentrun-runner codex-home --from /etc/codex --to /codex-home",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usageError(errors.New("both --from and --to are needed"))
			}
			if err := runner.FillHome(from, to); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: filled\n", to)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`folder` that the Secret is projected into")
	cmd.Flags().StringVar(&to, "to", "", "writable `folder` to fill")
	return cmd
}

// usage turns an argument check's error into a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(err)
		}
		return nil
	}
}

func usageError(err error) error {
	return &fail.Error{Code: fail.Usage, Err: err, Hint: "see --help"}
}
