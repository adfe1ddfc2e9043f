// Command lab brings a real Kubernetes node with Tekton Pipelines and Argo CD up on
// this machine, and takes it down again without leaving anything behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pikasTech/agentrun/lab/problem"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := root().ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !errors.Is(err, errNotReady) {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		if hint := problem.Hint(err); hint != "" {
			fmt.Fprintf(os.Stderr, "hint: %s\n", hint)
		}
	}
	os.Exit(code(err, interrupted))
}
