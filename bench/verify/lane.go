package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/verify"
)

// run runs lane and gives its output. That the lane is not accepted is no error: no
// cluster made it.
func (w *world) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, w.lane, append([]string{"-C", w.source, "--cache", w.cache, "-o", "json"}, args...)...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == int(fail.Differs) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("lane %s: %w: %s", strings.Join(args, " "), err, problem.Bytes())
	}
	return out.Bytes(), nil
}

// judged are the rules that speak of every service or object.
var judged = []string{"I8", "F2", "E9", "H3", "I5", "I7", "F3", "F4", "H4", "A3", "C3", "C4", "D4"}

func (w *world) verify(ctx context.Context) error {
	out, err := w.run(ctx, "verify", "--skip", "worktree", "--kubeconfig", w.cluster.kubeconfig)
	if err != nil {
		return err
	}
	v, err := verify.Parse("verdict", out)
	if err != nil {
		return err
	}
	for _, rule := range judged {
		if f, _ := v.Finding(rule); f.State != verify.Matched {
			return fmt.Errorf("%s is %s: %v", rule, f.State, f.Observations[:min(3, len(f.Observations))])
		}
	}
	return nil
}

func (w *world) status(ctx context.Context) error {
	out, err := w.run(ctx, "status", "--kubeconfig", w.cluster.kubeconfig)
	if err != nil {
		return err
	}
	var s verify.Status
	if err := json.Unmarshal(out, &s); err != nil {
		return err
	}
	if len(s.Services) != len(w.catalog.Services) || slices.ContainsFunc(s.Services, func(s verify.ServiceStatus) bool { return s.Ready != 2 }) {
		return fmt.Errorf("%d services, not all of them ready", len(s.Services))
	}
	if s.Drift == nil || *s.Drift != 0 {
		return fmt.Errorf("the drift is %v", s.Drift)
	}
	return nil
}

// forget takes away what an earlier status remembers.
func (w *world) forget() error { return os.Remove(filepath.Join(w.cache, "status.memo")) }

func (w *world) report(ctx context.Context, page string) error {
	_, err := w.run(ctx, "report", "--skip", "worktree", "--kubeconfig", w.cluster.kubeconfig, "--out", page)
	return err
}
