// Package release judges the runs of a lane: which PipelineRun a commit has, how
// far it is, and how it ended (rule E1).
//
// Input are PipelineRuns and TaskRuns as the API server gives them; output is a
// Progress, the same one for the same objects. What the objects do not say is left
// empty, and a run that does not say that it ended has not. Texts from the cluster
// are cleaned, so that they can be printed.
//
// The package is pure: it asks no cluster, reads no clock and changes nothing. It
// refuses an object whose fields have other types than Tekton's.
package release

import (
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// State is how far a run or a task is.
type State string

// The states of runs and tasks.
const (
	Waiting    State = "waiting"    // not begun
	Running    State = "running"    //
	Stopping   State = "stopping"   // it is being cancelled
	Succeeded  State = "succeeded"  //
	Failed     State = "failed"     //
	Cancelled  State = "cancelled"  //
	Skipped    State = "skipped"    // a task that was not needed, or came too late to begin
	Superseded State = "superseded" // a run whose commit is older than what is promoted already
)

// Ended reports whether the state is a last one.
func (s State) Ended() bool {
	switch s {
	case Succeeded, Failed, Cancelled, Skipped, Superseded:
		return true
	}
	return false
}

// Progress is what a PipelineRun and its TaskRuns say.
type Progress struct {
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Commit    string    `json:"-"` // of its label; "" when it has none
	Restart   string    `json:"-"` // likewise: the generation that its pods get
	Rollback  string    `json:"-"` // likewise: the commit of the GitOps branch that it goes back to
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Message   string    `json:"message,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Outcome   string    `json:"outcome,omitempty"`      // of its promotion
	Gitops    string    `json:"gitopsCommit,omitempty"` // where its promotion left the GitOps branch
	Tasks     []Task    `json:"tasks"`                  // in the Pipeline's order
}

// Task is one task of the run.
type Task struct {
	Name    string    `json:"name"`
	State   State     `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	TaskRun string    `json:"taskRun,omitempty"`
	Pod     string    `json:"pod,omitempty"`
	Step    string    `json:"step,omitempty"`    // the running step, or the one that failed
	Retries int       `json:"retries,omitzero"`  // how often it was begun again
	Started time.Time `json:"started,omitzero"`  //
	Ended   time.Time `json:"ended,omitzero"`    //
	Exit    int       `json:"exitCode,omitzero"` // of the step that failed

	container string // of Step
}

// Failure is the task that a run failed at.
type Failure struct {
	Task      string `json:"task,omitempty"`
	Step      string `json:"step,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"` // of Pod, where the step's log is
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	Exit      int    `json:"exitCode,omitzero"`
}

// Stale reports whether the promotion came too late for what was on the branch by then,
// so that only another run can do what this one was for.
func (f Failure) Stale() bool { return f.Task == pipeline.TaskPromote && f.Exit == int(fail.Stale) }

// Failure is the first failed task of a run, in the Pipeline's order. Without one
// it is the run itself that failed.
func (p *Progress) Failure() Failure {
	for _, t := range p.Tasks {
		if t.State == Failed {
			return Failure{t.Name, t.Step, t.Pod, t.container, t.Reason, t.Message, t.Exit}
		}
	}
	return Failure{Reason: p.Reason, Message: p.Message}
}
