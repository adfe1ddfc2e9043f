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
		Long: `agentrun-runner runs one attempt at one run, inside a Job.

The job description is a JSON file that the manager writes:

  {
    "apiVersion": "agentrun.dev/v1", "kind": "Job",
    "runId": "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f", "attempt": 1,
    "prompt": "mend the failing test",
    "workspace": "/workspace", "codexHome": "/codex-home",
    "deadlineSeconds": 3600
  }

This build looks whether an attempt could begin; it drives no agent yet.

Exit codes: 0 ok, 1 failed, 2 usage, 4 refused, 64 a job description, folder or
credential that cannot work.`,
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
	var job string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether an attempt could begin",
		Long: `check reads the job description and looks whether the workspace is writable and
the Codex home is writable and holds auth.json and config.toml. It names every
problem at once and leaves nothing behind.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := runner.Preflight(job, os.Getenv("CODEX_HOME"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "run %s, attempt %d: everything is in place\n", j.RunID, j.Attempt)
			return err
		},
	}
	jobFlag(cmd, &job)
	return cmd
}

func runCommand() *cobra.Command {
	var job string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the attempt (refused: this build drives no agent yet)",
		Long: `run does what check does and then refuses, because this build drives no agent
yet: an attempt that did nothing must not count as done.`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return runner.Run(job, os.Getenv("CODEX_HOME")) },
	}
	jobFlag(cmd, &job)
	return cmd
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

func jobFlag(cmd *cobra.Command, job *string) {
	cmd.Flags().StringVar(job, "job", "/etc/agentrun/job/job.json", "`file` with the job description")
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
