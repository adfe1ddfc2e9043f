package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/runner"
)

func runCommand() *cobra.Command {
	var workspace, codex string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the attempt",
		Long: `run claims the attempt that this pod is for and carries it to its end. SIGTERM
stops the agent, and the attempt ends as lost to the cluster, which may try it again.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg := runner.Config{Workspace: workspace, Version: version(), HTTP: &http.Client{}, Now: time.Now, Timing: runner.DefaultTiming}
			var wrong [5]error
			cfg.ManagerURL, wrong[0] = needed("AGENTRUN_MANAGER_URL", "the manager's address")
			cfg.TokenFile, wrong[1] = needed("AGENTRUN_TOKEN_FILE", "the file with the pod's token")
			cfg.CodexHome, wrong[2] = needed("CODEX_HOME", "the folder that codex-home has filled")
			cfg.ManagerURL = strings.TrimRight(cfg.ManagerURL, "/")
			if u, err := url.Parse(cfg.ManagerURL); wrong[0] == nil && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
				wrong[3] = usageError(errors.New("AGENTRUN_MANAGER_URL is not an http or https URL"))
			}
			cfg.Codex, wrong[4] = exec.LookPath(codex)
			if err := errors.Join(wrong[:]...); err != nil {
				return usageError(err)
			}
			cfg.Env = runner.CodexEnv(os.Environ(), cfg.CodexHome, workspace)
			if err := runner.Adopt(); err != nil {
				return fmt.Errorf("adopting what the agent leaves behind: %w", err)
			}
			cfg.Reap, cfg.Orphans = runner.ReapOrphans, runner.EndOrphans
			ending, err := runner.Run(cmd.Context(), cfg)
			if ending.State != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", ending.State, ending.Reason)
			}
			return err
		},
	}
	workspaceFlag(cmd, &workspace)
	cmd.Flags().StringVar(&codex, "codex", "codex", "`path` or name of Codex's native binary")
	return cmd
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
