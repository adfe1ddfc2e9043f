package lanes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// Demo opens a lane and carries two commits through it. The second touches one
// service, and the pod of the other one is not restarted. Then a user's run takes place
// on what was released.
func Demo(ctx context.Context, lab *cluster.Lab, o Options) error {
	if err := o.absolute(); err != nil {
		return err
	}
	l, err := Open(ctx, lab, o)
	if err != nil {
		return err
	}
	first, err := l.Git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if err := l.release(ctx, "first release", first); err != nil {
		return err
	}
	before, err := l.Pods(ctx, "agentrun-mgr")
	if err != nil {
		return err
	}
	if err := touch(filepath.Join(l.Clone, "cmd", "agentrun-runner", "main.go")); err != nil {
		return err
	}
	second, err := l.Commit(ctx, "runner: touched by the demo")
	if err != nil {
		return err
	}
	if err := l.release(ctx, "second release: it touches agentrun-runner", second); err != nil {
		return err
	}
	after, err := l.Pods(ctx, "agentrun-mgr")
	if err != nil {
		return err
	}
	if before != after {
		return fmt.Errorf("the pods of agentrun-mgr were restarted: %s, now %s", before, after)
	}
	fmt.Fprintf(o.Say, "\nagentrun-mgr was reused, and its pods are the same: %s\n", after)
	return l.run(ctx, o)
}

func (l *Lane) release(ctx context.Context, title, commit string) error {
	fmt.Fprintf(l.Say, "\n=== %s: %s\n\n", title, commit)
	if err := l.Run(ctx, "release", "--commit", commit, "--follow"); err != nil {
		return err
	}
	return l.Run(ctx, "verify")
}

// Pods are the ids of a service's pods.
func (l *Lane) Pods(ctx context.Context, service string) (string, error) {
	return l.Lab.Kubectl(ctx, "", "-n", l.Names.RuntimeNamespace, "get", "pods", "-l", "app.kubernetes.io/name="+service,
		"--sort-by=.metadata.name", "-o", "jsonpath={range .items[*]}{.metadata.uid} {end}")
}

// touch adds a line to a file that changes nothing but the file.
func touch(file string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("\n// Touched by the demo: a change that only this program reads.\n"); err != nil {
		return err
	}
	return f.Close()
}
