package verify

import (
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
)

// run compares a PipelineRun and what its tasks left with the branch.
func (j *judge) run(o *opinion, run Object, g Gitops, p Promotion) {
	id, c := run.ID(), g.Catalog
	o.equal(id, "pipelineRef", run.Text("spec", "pipelineRef", "name"), j.Names.Pipeline)
	cond, _ := run.Condition("Succeeded")
	if cond.Text("status") == "True" {
		o.match(id, "Succeeded", cond.Text("reason"))
	} else {
		o.differ(id, "Succeeded", cond.Text("status")+" "+cond.Text("reason")+" "+hidden(cond.Text("message")), "True")
	}
	o.equal(id, "params."+pipeline.ParamCommit, param(run, pipeline.ParamCommit), c.SourceCommitID)
	back := p.trailer(promote.TrailerRollback)
	if given := param(run, pipeline.ParamRollback); back != "" || given != "" {
		o.equal(id, "params."+pipeline.ParamRollback, given, back)
	}
	again := p.trailer(promote.TrailerRestart)
	if given := param(run, pipeline.ParamRestart); again != "" || given != "" {
		o.equal(id, "params."+pipeline.ParamRestart, given, again)
	}
	tasks := j.tasksOf(run)
	if !tasks.Found {
		o.cannot("TaskRuns of "+run.Name(), tasks.Gap)
		return
	}
	left := resultsOf(tasks.Value)
	o.equal(id, pipeline.TaskPrepare+"."+pipeline.ResultCommit, left[pipeline.TaskPrepare][pipeline.ResultCommit], c.SourceCommitID)
	promoted := left[pipeline.TaskPromote]
	o.equal(id, pipeline.TaskPromote+"."+pipeline.ResultOutcome, promoted[pipeline.ResultOutcome], string(promote.Promoted), string(promote.NothingToChange))
	at := []string{p.Commit}
	if promoted[pipeline.ResultOutcome] == string(promote.NothingToChange) {
		at = append(at, g.Commit) // a commit above it, of metadata alone: the content is this one
	}
	o.equal(id, pipeline.TaskPromote+"."+pipeline.ResultGitops, promoted[pipeline.ResultGitops], at...)
	if services, err := c.ServicesDigest(); err != nil {
		o.against(id, "%v", err)
	} else {
		o.equal(id, pipeline.TaskPromote+"."+pipeline.ResultServices, promoted[pipeline.ResultServices], services)
	}
	if back == "" && again == "" {
		j.published(o, run, left, c)
		return
	}
	for _, task := range []string{pipeline.TaskCheck, pipeline.TaskPlan, pipeline.TaskPublish} {
		if _, ran := left[task]; ran {
			o.against(id, "%s ran: a run that goes back or only replaces pods builds nothing", task)
		}
	}
}

// results are what tasks left, by task of the pipeline and name.
type results map[string]map[string]string

// resultsOf are those of a run's tasks. Of a task that was retried, Tekton keeps the
// last.
func resultsOf(taskRuns []Object) results {
	all := results{}
	for _, tr := range taskRuns {
		task := tr.Label("tekton.dev/pipelineTask")
		if all[task] == nil {
			all[task] = map[string]string{}
		}
		for _, r := range tr.Items("status", "results") {
			all[task][r.Text("name")] = strings.TrimSpace(r.Text("value"))
		}
	}
	return all
}

func param(run Object, name string) string {
	for _, p := range run.Items("spec", "params") {
		if p.Text("name") == name {
			return p.Text("value")
		}
	}
	return ""
}

// hostNetwork is rule B2, for the runs that are still there.
func (j *judge) hostNetwork(o *opinion) {
	runs := j.Tekton.Runs
	if !runs.Found {
		o.cannot("PipelineRuns of the lane", runs.Gap)
		return
	}
	for _, r := range runs.Value {
		pod := r.Map("spec", "taskRunTemplate", "podTemplate")
		o.equal(r.ID(), "podTemplate.hostNetwork", fmt.Sprint(pod.Flag("hostNetwork")), "true")
		o.equal(r.ID(), "podTemplate.dnsPolicy", pod.Text("dnsPolicy"), "ClusterFirstWithHostNet")
	}
	if len(runs.Value) == 0 {
		o.match("PipelineRuns of the lane", "count", "0")
	}
}

// tektonObjects is rule B4.
func (j *judge) tektonObjects(o *opinion) {
	want := j.Tekton.Expected
	if !want.Found {
		o.cannot("what lane makes", want.Gap)
		return
	}
	for i, w := range want.Value {
		if i >= len(j.Tekton.Live) {
			o.cannot(w.ID(), Gap{})
			continue
		}
		live, ok := argo(o, j.Tekton.Live[i], w.ID())
		if !ok {
			continue
		}
		found := Differences(w, live)
		for _, d := range found {
			o.differ(w.ID(), d.Path, show(d.Path, d.Live), show(d.Path, d.Wanted))
		}
		if len(found) == 0 {
			o.match(w.ID(), "fields", "as lane makes them")
		}
	}
}

// nothingRuns is rule I6: between releases nothing of the lane runs in the Tekton
// namespace.
func (j *judge) nothingRuns(o *opinion) {
	w := j.Tekton.Workloads
	if !w.Found {
		o.cannot("what stays running in "+j.Names.TektonNamespace, w.Gap)
		return
	}
	for _, obj := range w.Value {
		switch {
		case j.listens(obj):
			o.note(obj.ID(), "Tekton Triggers runs it for the lane's EventListener %s", j.Names.Trigger())
		case j.lingers(obj):
			o.against(obj.ID(), "it stays running in %s: a release needs nothing but Tekton and Argo CD", j.Names.TektonNamespace)
		}
	}
	if o.state() != Contradicted {
		o.match("Namespace "+j.Names.TektonNamespace, "workloads of the lane", "none")
	}
}

// listens reports whether Tekton Triggers runs an object for the EventListener that lane
// makes. Triggers alone may: it puts back what anybody else does to a Deployment of this
// name, and Kubernetes takes away what belongs to an EventListener that is not there.
func (j *judge) listens(obj Object) bool {
	of, ok := listenerOf(obj)
	return ok && of == j.Names.Trigger() && obj.identity() == "apps/Deployment/"+j.Names.Listener()
}

// lingers reports whether an object is the lane's or the project's by its labels or its
// name. The namespace has other lanes and projects too: a name that begins as the
// project's may be one of a project with a longer name, which its label then says. What
// an EventListener controls is called after that, and has its labels as far as Triggers
// is not told to leave them out.
func (j *judge) lingers(obj Object) bool {
	n, name, project := j.Names, obj.Name(), obj.Label(pipeline.LabelProject)
	listener, controlled := listenerOf(obj)
	if controlled {
		name = listener
	}
	switch {
	case project == n.Project && obj.Label(pipeline.LabelLane) == n.Lane,
		strings.HasPrefix(name, n.RuntimeNamespace+"-"), obj.Name() == n.Listener():
		return true
	case strings.HasPrefix(name, n.Project+"-"):
		return !controlled && (project == "" || project == n.Project)
	}
	return false
}

// listenerOf is the EventListener that controls an object.
func listenerOf(obj Object) (name string, ok bool) {
	owner, ok := obj.Controller()
	return owner.Text("name"), ok && owner.Group() == "triggers.tekton.dev" && owner.Kind() == "EventListener"
}
