package report

import (
	"fmt"
	"time"

	"github.com/pikasTech/agentrun/lane/verify"
)

// events are those that the cluster tells of.
func (d *Document) events(e verify.Evidence, status verify.Status) {
	if run := e.Tekton.Run; run.Found {
		id := run.Value.ID()
		d.Add(Event{At: when(run.Value, "metadata", "creationTimestamp"), What: id + " was made"}, ended(run.Value, id))
	}
	for _, tr := range e.Tekton.TaskRuns.Value {
		d.Add(ended(tr, "task "+tr.Label("tekton.dev/pipelineTask")))
	}
	if app := e.Argo.Application; app.Found {
		op := app.Value.Map("status", "operationState")
		state := verify.Contradicted
		if op.Text("phase") == "Succeeded" {
			state = verify.Matched
		}
		d.Add(Event{
			At: when(op, "finishedAt"), State: state,
			What: fmt.Sprintf("Argo CD synced %.12s: %s", op.Text("syncResult", "revision"), op.Text("phase")),
		})
	}
	for _, s := range status.Services {
		at, _ := time.Parse(time.RFC3339, s.Since)
		d.Add(Event{At: at, What: "the newest pod of " + s.ServiceID + " was made"})
	}
	for _, w := range e.Live.Events.Value {
		d.Add(Event{At: w.Last, State: verify.Unknown, What: fmt.Sprintf("warning of %s: %s %s", w.Object, w.Reason, w.Message)})
	}
	for _, l := range e.Live.Logs.Value {
		d.Notes = append(d.Notes, fmt.Sprintf("container %s of %s ended with exit code %d: %s", l.Container, l.Pod, l.ExitCode, l.Reason))
	}
	d.Add(Event{At: e.At, What: "the lane was looked at"})
}

// ended is the end of a run or of a task, as its condition tells it.
func ended(o verify.Object, what string) Event {
	c, _ := o.Condition("Succeeded")
	e := Event{At: when(o, "status", "completionTime"), State: verify.Unknown, What: what + " ended: " + c.Text("reason")}
	switch c.Text("status") {
	case "True":
		e.State = verify.Matched
	case "False":
		e.State = verify.Contradicted
	}
	return e
}

// when is the time at a path, zero when there is none.
func when(o verify.Object, path ...string) time.Time {
	t, _ := time.Parse(time.RFC3339, o.Text(path...))
	return t
}
