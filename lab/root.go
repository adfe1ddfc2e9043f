package main

import (
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// Exit codes, as the other commands of this project have them.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNotReady    = 3
	exitInterrupted = 130
)

// errNotReady is the end of a status that is not good. The status has said it all.
var errNotReady = errors.New("the lab is not ready")

// usageError is a wrong command line.
type usageError struct{ error }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "A real Kubernetes node with Tekton and Argo CD on this machine",
		Long: `A real Kubernetes node with Tekton Pipelines and Argo CD on this machine, in a
network namespace of its own, without a container engine. It needs Linux, root, Go,
and Debian's packages, which it installs.

AGENTRUN_LAB is the folder of its state (/var/lib/agentrun-lab), AGENTRUN_LAB_CACHE
that of its programs (~/.cache/agentrun-lab).`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(buildCommand(), upCommand(), statusCommand(), kubectlCommand(), execCommand(),
		logsCommand(), envCommand(), downCommand(), demoCommand(), hostCommand())
	for _, c := range append(cmd.Commands(), cmd) {
		if args := c.Args; args != nil {
			c.Args = func(cmd *cobra.Command, words []string) error {
				if err := args(cmd, words); err != nil {
					return usageError{err}
				}
				return nil
			}
		}
	}
	return cmd
}

// open is the lab that the environment names; it talks on stderr.
func open() (*cluster.Lab, error) { return cluster.New(os.Stderr) }

func code(err error, interrupted bool) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	switch {
	case errors.Is(err, errNotReady):
		return exitNotReady
	case interrupted:
		return exitInterrupted
	}
	return exitFailed
}
