package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/lane/release"
)

// releaseDocument is what `lane release -o json` prints.
type releaseDocument struct {
	header
	SourceCommitID string            `json:"sourceCommitId"`
	Action         string            `json:"action"`
	Run            *release.Progress `json:"pipelineRun,omitempty"`
	Failure        *failureDocument  `json:"failure,omitempty"`
	Rollback       *rollbackDocument `json:"rollback,omitempty"` // of a run that goes back
}

type failureDocument struct {
	release.Failure
	Log    []string `json:"log,omitempty"`    // the end of the step's
	Events []string `json:"events,omitempty"` // of a pod whose steps did not start
}

func writeRelease(w io.Writer, doc *releaseDocument) {
	p := doc.Run
	fmt.Fprintf(w, "%s %s: %s", doc.Action, p.Name, p.State)
	if took := p.Ended.Sub(p.Started); took > 0 && !p.Started.IsZero() {
		fmt.Fprintf(w, " after %s", took.Round(time.Second))
	}
	if p.Outcome != "" {
		fmt.Fprintf(w, ", %s", p.Outcome)
	}
	fmt.Fprintln(w)
	for _, t := range p.Tasks {
		if p.State == release.Waiting {
			break // nothing has begun
		}
		line := fmt.Sprintf("  %-16s %-10s", t.Name, t.State)
		if took := t.Ended.Sub(t.Started); took >= 0 && !t.Ended.IsZero() {
			line += fmt.Sprintf(" %4.0fs", took.Seconds())
		}
		if t.State == release.Failed {
			line += "  " + t.Reason
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	if doc.Failure == nil {
		return
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"the end of the log of " + doc.Failure.Step, doc.Failure.Log}, {"what happened to the pod", doc.Failure.Events}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(w, "%s:\n  | %s\n", part.title, strings.Join(part.lines, "\n  | "))
		}
	}
}
