package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/page"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
)

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := rootCommand()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
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
	var cfg manager.Config
	var runs struct {
		url        string
		most       int
		kubeconfig string
	}
	cmd := &cobra.Command{
		Use:   "agentrun-mgr",
		Short: "AgentRun's service",
		Long: `agentrun-mgr serves AgentRun over HTTP until it gets SIGTERM or SIGINT:

  GET /healthz   200 while the process serves
  GET /readyz    200 when Postgres answers with the newest schema and the Job
                 template is in order, or 503 with the reasons
  GET /version   lane, source commit and image digest
  GET /metrics   for Prometheus
  /v1/           the API for users, described by GET /openapi.json
  /runner/v1/    the API for runners

It brings the database's schema up to date when it starts.

Then readiness goes first, requests under way are finished, and it exits with 0.
A second signal ends it at once. It logs JSON on stderr.

Environment:
  DATABASE_URL             postgres://USER:PASSWORD@HOST/NAME, user and password
                           URL-encoded; required, and never taken from a flag
  AGENTRUN_LANE            such as v0.1
  AGENTRUN_SOURCE_COMMIT   the full commit that the image was built from
  AGENTRUN_IMAGE_DIGEST    the image's digest, sha256:...
  AGENTRUN_RUNNER_URL      see --runner-url; it needs a pod whose account may
                           make Jobs, or a --kubeconfig

The others may be absent, as on a laptop; /version then says "".

Exit codes: 0 ok, 1 failed, 2 usage.`,
		Example: `  DATABASE_URL=postgres://me@localhost/agentrun \
    agentrun-mgr --listen 127.0.0.1:8080 --job-template=`,
		Args:              noArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.DatabaseURL = os.Getenv("DATABASE_URL")
			cfg.Version = manager.Version{
				Lane:   os.Getenv("AGENTRUN_LANE"),
				Commit: os.Getenv("AGENTRUN_SOURCE_COMMIT"),
				Digest: os.Getenv("AGENTRUN_IMAGE_DIGEST"),
			}
			cfg.Log = slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			cfg.Page = func(s *store.Store, hub *api.Hub) http.Handler {
				return (&page.Page{Store: s, Follow: hub.Follow, Log: cfg.Log}).Handler()
			}
			if runs.url != "" {
				client, err := kube.Connect(cmd.Context(), kube.Options{
					InCluster: runs.kubeconfig == "", Kubeconfig: runs.kubeconfig, Manager: "agentrun-mgr", Later: true,
				})
				if err != nil {
					return err
				}
				defer client.Close()
				cfg.Cluster = &manager.Cluster{Kube: client, RunnerURL: runs.url, MaxRunning: runs.most}
			}
			m, err := manager.New(cfg)
			if err != nil {
				return err
			}
			return m.Run(cmd.Context())
		},
	}
	cmd.AddCommand(tokenCommand(), openapiCommand())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	flags := cmd.Flags()
	flags.StringVar(&cfg.Listen, "listen", ":8080", "TCP `address` to serve HTTP on")
	flags.StringVar(&cfg.JobTemplate, "job-template", "/etc/agentrun/runner/job.yaml", "`file` with the runner's Job manifest; empty for none")
	flags.StringVar(&runs.url, "runner-url", os.Getenv("AGENTRUN_RUNNER_URL"), "`URL` at which runners find this service; without it runs stay queued")
	flags.StringVar(&runs.kubeconfig, "kubeconfig", "", "`file` that says in which cluster and namespace Jobs are made, and as whom; the pod's own account unless it is given")
	flags.IntVar(&runs.most, "max-running", 100, "the most runs under way at once, of all projects")
	flags.DurationVar(&cfg.ReadyTimeout, "ready-timeout", 2*time.Second, "how long Postgres may take to answer")
	flags.DurationVar(&cfg.DrainDelay, "drain-delay", 3*time.Second, "how long requests are still accepted once readiness is gone")
	flags.DurationVar(&cfg.ShutdownTimeout, "shutdown-timeout", 20*time.Second, "how long requests under way may take after that")
	return cmd
}

func usageError(err error) error {
	return &fail.Error{Code: fail.Usage, Err: err, Hint: "see --help"}
}
