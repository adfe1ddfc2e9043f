package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
)

// The labels that Tekton gives the TaskRuns of a PipelineRun.
const (
	LabelRun  = "tekton.dev/pipelineRun"
	labelTask = "tekton.dev/pipelineTask"
)

// pipelineRun and taskRun are the fields that are judged.
type pipelineRun struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Status string `json:"status"`
	} `json:"spec"`
	Status struct {
		conditions
		times
		PipelineSpec struct {
			Tasks   []named `json:"tasks"`
			Finally []named `json:"finally"`
		} `json:"pipelineSpec"`
		SkippedTasks []struct {
			Name   string `json:"name"`
			Reason string `json:"reason"`
		} `json:"skippedTasks"`
	} `json:"status"`
}

type taskRun struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   struct {
		conditions
		times
		PodName       string `json:"podName"`
		Steps         []step `json:"steps"`
		RetriesStatus []any  `json:"retriesStatus"`
		Results       []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"results"`
	} `json:"status"`
}

type named struct {
	Name string `json:"name"`
}

type conditions struct {
	Conditions []struct {
		Type    string `json:"type"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"conditions"`
}

type times struct {
	StartTime      *metav1.Time `json:"startTime"`
	CompletionTime *metav1.Time `json:"completionTime"`
}

type step struct {
	Name      string    `json:"name"`
	Container string    `json:"container"`
	Running   *struct{} `json:"running"`
	Waiting   *struct {
		Reason string `json:"reason"`
	} `json:"waiting"`
	Terminated *struct {
		ExitCode int    `json:"exitCode"`
		Reason   string `json:"reason"`
	} `json:"terminated"`
}

// verdict is the condition that says how a run or a task is.
func (c conditions) verdict() (status, reason, message string) {
	for _, x := range c.Conditions {
		if x.Type == "Succeeded" {
			return x.Status, clean(x.Reason), clean(x.Message)
		}
	}
	return "", "", ""
}

func (t times) both() (started, ended time.Time) {
	if t.StartTime != nil {
		started = t.StartTime.UTC()
	}
	if t.CompletionTime != nil {
		ended = t.CompletionTime.UTC()
	}
	return started, ended
}

func clean(s string) string { return fail.Clean(s, 500) }

// Judge tells how far a PipelineRun is. Of taskRuns those are taken that are its
// own.
func Judge(run *unstructured.Unstructured, taskRuns []*unstructured.Unstructured) (*Progress, error) {
	var pr pipelineRun
	if err := read(run, &pr); err != nil {
		return nil, err
	}
	p := &Progress{
		Name: clean(pr.Metadata.Name), Namespace: clean(pr.Metadata.Namespace),
		Commit: clean(pr.Metadata.Labels[pipeline.LabelCommit]), Rollback: clean(pr.Metadata.Labels[pipeline.LabelRollback]),
		Restart: clean(pr.Metadata.Labels[pipeline.LabelRestart]),
	}
	p.Started, p.Ended = pr.Status.both()
	status, reason, message := pr.Status.verdict()
	p.Reason, p.Message = reason, message
	switch {
	case status == "True":
		p.State = Succeeded
	case status == "False" && (reason == "Cancelled" || pr.Spec.Status == Cancel && reason == "Failed"):
		p.State = Cancelled
	case status == "False":
		p.State = Failed
	case pr.Spec.Status == Cancel || strings.HasPrefix(reason, "Cancelled") || strings.HasPrefix(reason, "Stopped") || reason == "PipelineRunStopping":
		p.State = Stopping
	case p.Started.IsZero() || reason == "PipelineRunPending":
		p.State = Waiting
	default:
		p.State = Running
	}
	tasks := map[string]Task{}
	for _, obj := range taskRuns {
		if obj.GetLabels()[LabelRun] != pr.Metadata.Name {
			continue
		}
		var tr taskRun
		if err := read(obj, &tr); err != nil {
			return nil, err
		}
		t := tr.judge()
		tasks[t.Name] = t
		if t.Name == pipeline.TaskPromote {
			p.promotion(tr, t)
		}
	}
	for _, s := range pr.Status.SkippedTasks {
		if _, ran := tasks[s.Name]; !ran {
			tasks[clean(s.Name)] = Task{Name: clean(s.Name), State: Skipped, Reason: clean(s.Reason)}
		}
	}
	p.Tasks = ordered(pr, tasks, p.State)
	return p, nil
}

// Cancel is the spec.status that ends a run, with what it does finally.
const Cancel = "CancelledRunFinally"

// promotion takes over how the promotion ended, which the step leaves also when it
// ends superseded: Tekton keeps the results of a step that fails. The exit code tells
// less, since a promotion whose plan is stale ends with it too.
func (p *Progress) promotion(tr taskRun, t Task) {
	for _, r := range tr.Status.Results {
		value, ok := r.Value.(string)
		switch {
		case !ok:
		case r.Name == pipeline.ResultOutcome:
			p.Outcome = clean(value)
		case r.Name == pipeline.ResultGitops:
			p.Gitops = clean(value)
		}
	}
	if p.Outcome == string(promote.Superseded) && (p.State == Failed || p.State == Succeeded) {
		p.State = Superseded
	}
}

// judge tells how far a TaskRun is.
func (tr *taskRun) judge() Task {
	t := Task{
		Name: clean(tr.Metadata.Labels[labelTask]), TaskRun: clean(tr.Metadata.Name),
		Pod: clean(tr.Status.PodName), Retries: len(tr.Status.RetriesStatus),
	}
	t.Started, t.Ended = tr.Status.both()
	status, reason, message := tr.Status.verdict()
	t.Reason, t.Message = reason, message
	switch {
	case status == "True":
		t.State = Succeeded
	case status == "False" && reason == "TaskRunCancelled":
		t.State = Cancelled
	case status == "False":
		t.State = Failed
	case reason == "Running" || reason == "ToBeRetried":
		t.State = Running
	default:
		t.State = Waiting // for a place, an image, a volume: the message says it
	}
	for _, s := range tr.Status.Steps {
		switch {
		case t.State == Running && s.Running != nil:
			t.at(s)
			return t
		case t.State == Failed && s.Terminated != nil && s.Terminated.ExitCode != 0:
			t.at(s)
			t.Exit = s.Terminated.ExitCode
			if r := s.Terminated.Reason; r != "" && r != "Error" {
				t.Reason = clean(r) // such as OOMKilled, which says more than Failed
			}
			return t
		}
	}
	return t
}

func (t *Task) at(s step) { t.Step, t.container = clean(s.Name), clean(s.Container) }

// ordered are the tasks in the Pipeline's order: as the run recorded it, else as
// lane's own Pipelines have it. What has not begun waits, or was left out.
func ordered(pr pipelineRun, tasks map[string]Task, state State) []Task {
	var order []string
	for _, t := range slices.Concat(pr.Status.PipelineSpec.Tasks, pr.Status.PipelineSpec.Finally) {
		order = append(order, clean(t.Name))
	}
	if len(order) == 0 {
		order = []string{pipeline.TaskPrepare, pipeline.TaskCheck, pipeline.TaskPlan, pipeline.TaskPublish, pipeline.TaskPromote}
	}
	out := make([]Task, 0, len(order))
	for _, name := range order {
		t, known := tasks[name]
		if !known {
			t = Task{Name: name, State: Waiting}
			if state.Ended() {
				t.State = Skipped
			}
		}
		out = append(out, t)
		delete(tasks, name)
	}
	rest := make([]Task, 0, len(tasks))
	for _, t := range tasks {
		rest = append(rest, t)
	}
	slices.SortFunc(rest, func(a, b Task) int { return cmp.Compare(a.Name, b.Name) })
	return append(out, rest...)
}

// read takes the judged fields out of an object.
func read(obj *unstructured.Unstructured, into any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, into); err != nil {
		return fail.Fail(clean(obj.GetKind()+" "+obj.GetNamespace()+"/"+obj.GetName()), "install a release of Tekton Pipelines that serves tekton.dev/v1, v1.6.0 say",
			"its fields are not Tekton's: %s", clean(fmt.Sprint(err)))
	}
	return nil
}
