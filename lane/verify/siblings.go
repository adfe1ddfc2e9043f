package verify

import (
	"slices"

	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
)

// WantsOthers reports whether the TaskRuns of the released commit's other runs tell
// more: the run that promoted did not succeed, or did not build all that the catalog
// says was built from the commit.
func (e Evidence) WantsOthers() bool {
	g, run := e.Gitops.Value, e.Tekton.Run
	if !e.Gitops.Found || g.Catalog == nil || !run.Found || len(e.siblings(run.Value)) == 0 {
		return false
	}
	if !succeeded(run.Value) {
		return true
	}
	p := g.Promotion()
	if !p.Found || !e.Tekton.TaskRuns.Found || p.Value.trailer(promote.TrailerRollback) != "" || p.Value.trailer(promote.TrailerRestart) != "" {
		return false
	}
	built, _ := built(resultsOf(e.Tekton.TaskRuns.Value), g.Catalog)
	return len(without(fresh(g.Catalog), built)) > 0
}

// siblings are the lane's other runs of the released commit that Tekton still has.
func (e Evidence) siblings(run Object) []Object {
	commit := e.Gitops.Value.Catalog.SourceCommitID
	return slices.DeleteFunc(slices.Clone(e.Tekton.Runs.Value), func(r Object) bool {
		return r.Name() == run.Name() || r.Label(pipeline.LabelProject) != e.Names.Project || r.Label(pipeline.LabelLane) != e.Names.Lane ||
			r.Label(pipeline.LabelCommit) != commit || param(r, pipeline.ParamCommit) != commit ||
			r.Text("spec", "pipelineRef", "name") != e.Names.Pipeline
	})
}

// tasksOf are the TaskRuns of a run of the released commit.
func (e Evidence) tasksOf(run Object) Seen[[]Object] {
	if e.Tekton.Run.Found && run.Name() == e.Tekton.Run.Value.Name() {
		return e.Tekton.TaskRuns
	}
	own := e.Tekton.Others
	own.Value = slices.DeleteFunc(slices.Clone(own.Value), func(tr Object) bool { return tr.Label("tekton.dev/pipelineRun") != run.Name() })
	return own
}

func succeeded(run Object) bool {
	c, _ := run.Condition("Succeeded")
	return c.Text("status") == "True"
}

// reason is why a run has not succeeded, in one word of Tekton's.
func reason(run Object) string {
	c, _ := run.Condition("Succeeded")
	return c.Text("reason")
}
