package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/release"
)

// How much of a failed step's log is looked at for secrets, and how much is shown.
const (
	scannedLines = 400
	shownLines   = 30
)

// log is the end of a failed step's log. A log with something like a secret in it is
// not shown: where a secret ends cannot be told from its beginning.
func (r *releaser) log(ctx context.Context, namespace string, f release.Failure) []string {
	if f.Pod == "" || f.Container == "" {
		return []string{}
	}
	data, err := r.kube.Log(ctx, namespace, f.Pod, kube.LogOptions{Container: f.Container, Lines: scannedLines})
	if err == nil && len(data) == kube.MaxLogBytes {
		// The limit cuts off the end.
		data, err = r.kube.Log(ctx, namespace, f.Pod, kube.LogOptions{Container: f.Container, Lines: shownLines})
	}
	if err != nil {
		return []string{"(the log cannot be read: " + fail.Clean(err.Error(), 300) + ")"}
	}
	return showable(data)
}

// warnings are the last warnings of the cluster about a pod.
func (r *releaser) warnings(ctx context.Context, namespace, pod string) []string {
	if pod == "" {
		return nil
	}
	events, err := r.kube.Events(ctx, namespace, "Pod", pod)
	if err != nil {
		return []string{"(the pod's events cannot be read: " + fail.Clean(err.Error(), 300) + ")"}
	}
	var lines []string
	for _, e := range events {
		if e.Warning {
			lines = append(lines, e.Reason+": "+safe(e.Message))
		}
	}
	return lines[max(0, len(lines)-shownLines):]
}

func showable(data []byte) []string {
	if hits := secretscan.Default().Scan("log", data); len(hits) > 0 {
		return []string{fmt.Sprintf("(not shown: %s, in line %d of the last %d)", hits[0].Why, hits[0].Line, bytes.Count(data, []byte("\n")))}
	}
	lines := slices.Collect(strings.Lines(string(data)))
	lines = lines[max(0, len(lines)-shownLines):]
	for i, line := range lines {
		lines[i] = fail.Clean(fail.Redact(strings.TrimRight(line, "\r\n")), 400)
	}
	return lines
}

// safe is a message of the cluster without the user part of its URLs, unless it looks
// like a secret.
func safe(message string) string {
	message = fail.Redact(message)
	if len(secretscan.Default().Scan("message", []byte(message))) > 0 {
		return "(not shown: it looks like a secret)"
	}
	return message
}
