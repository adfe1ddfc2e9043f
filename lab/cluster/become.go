package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/lab/problem"
)

// Become turns this process into another program inside the lab's network, with
// this environment and Env. It returns only when it cannot.
func (l *Lab) Become(args []string) error {
	ns := l.Namespace()
	if _, err := l.binaries(); err != nil || ns.Owner(bridge) != l.Dir {
		return l.errDown("running "+args[0], nil)
	}
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.ContainsFunc(l.Env(), func(own string) bool { return strings.HasPrefix(own, name+"=") }) {
			env = append(env, variable)
		}
	}
	env = append(env, l.Env()...)
	for _, variable := range l.Env() { // where the program is looked for
		if path, is := strings.CutPrefix(variable, "PATH="); is {
			if err := os.Setenv("PATH", path); err != nil {
				return err
			}
		}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return problem.New("name a program that this machine has", "running %s in the lab: %w", args[0], err)
	}
	if err := ns.Enter(); err != nil {
		return err
	}
	return fmt.Errorf("running %s in the lab: %w", args[0], syscall.Exec(path, args, env))
}

// CopyLog copies a component's log, and with follow what is added to it until ctx
// ends.
func (l *Lab) CopyLog(ctx context.Context, to io.Writer, name string, follow bool) error {
	if _, err := l.component(name); err != nil {
		return err
	}
	file, err := os.Open(l.Log(name))
	if err != nil {
		return l.errDown("reading the log of "+name, err)
	}
	defer file.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.Copy(to, file); err != nil || !follow {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
