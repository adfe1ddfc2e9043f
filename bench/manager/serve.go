package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"strconv"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/internal/kube"
)

// serve is cmd/agentrun-mgr as it runs in a cluster, but for two things: the account of
// its pod comes from a kubeconfig, and it may write a profile.
func serve(ctx context.Context, args []string) (err error) {
	if len(args) != 4 {
		return errors.New("serve TEMPLATE KUBECONFIG RUNS PROFILE")
	}
	client, err := kube.Connect(ctx, kube.Options{Kubeconfig: args[1], Manager: "agentrun-mgr", Later: true})
	if err != nil {
		return err
	}
	defer client.Close()
	runs, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", defaults.Listen)
	if err != nil {
		return err
	}
	url := "http://" + ln.Addr().String()
	cfg := defaults
	cfg.DatabaseURL, cfg.JobTemplate, cfg.Log = os.Getenv("DATABASE_URL"), args[0], slog.New(slog.NewJSONHandler(os.Stderr, nil))
	cfg.Cluster = &manager.Cluster{Kube: client, RunnerURL: url, MaxRunning: runs}
	m, err := manager.New(cfg)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if args[3] != "" {
		f, err := os.Create(args[3])
		if err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	fmt.Println(url)
	return m.Serve(ctx, ln)
}
