package observe_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
)

// TestI10_AsksForOtherRunsOnlyWhenTheyAreNeeded: the tasks of the commit's other runs
// are one request more, which an ordinary verdict does without.
func TestI10_AsksForOtherRunsOnlyWhenTheyAreNeeded(t *testing.T) {
	commit := strings.Repeat("a", 40)
	l, o := newLine(t)
	l.commit(commit, "promote", map[string]string{promote.TrailerSource: commit, promote.TrailerRun: "run-2"}, nil)
	const tekton = "/apis/tekton.dev/v1/namespaces/shop-ci/"
	run := func(name, succeeded string) string {
		return fmt.Sprintf(`{"kind":"PipelineRun","metadata":{"name":%q,"namespace":"shop-ci","labels":{%q:"shop",%q:"v0.3",%q:%q}},
			"spec":{"pipelineRef":{"name":%q},"params":[{"name":"commit","value":%q}]},"status":{"conditions":[{"type":"Succeeded","status":%q}]}}`,
			name, pipeline.LabelProject, pipeline.LabelLane, pipeline.LabelCommit, commit, o.Names.Pipeline, commit, succeeded)
	}
	task := func(run, name, result, value string) string {
		return fmt.Sprintf(`{"kind":"TaskRun","metadata":{"name":"%s-%s","labels":{"tekton.dev/pipelineRun":%q,"tekton.dev/pipelineTask":%q}},"status":{"results":[{"name":%q,"value":%q}]}}`,
			run, name, run, name, result, value)
	}
	list := func(kind string, items ...string) http.HandlerFunc {
		return kubetest.Object(fmt.Sprintf(`{"apiVersion":"tekton.dev/v1","kind":"%sList","metadata":{},"items":[%s]}`, kind, strings.Join(items, ",")))
	}
	others := fmt.Sprintf("%s=shop,%s=v0.3,%s=%s", pipeline.LabelProject, pipeline.LabelLane, pipeline.LabelCommit, commit)
	for _, tt := range []struct {
		name, ended string
		runs        []string
		build       string
		want        []string
	}{
		{"the only run built nothing", "True", nil, "0", []string{"tekton.dev/pipelineRun=run-2"}},
		{"it failed, and is the only one", "False", nil, "0", []string{"tekton.dev/pipelineRun=run-2"}},
		{"it failed", "False", []string{run("run-3", "True")}, "0", []string{"tekton.dev/pipelineRun=run-2", others}},
		{"it built nothing", "True", []string{run("run-1", "True")}, "0", []string{"tekton.dev/pipelineRun=run-2", others}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var asked []string
			with := observer(t, kubetest.Script{
				"GET " + tekton + "pipelineruns/run-2": {kubetest.Object(run("run-2", tt.ended))},
				"GET " + tekton + "pipelineruns":       {list("PipelineRun", append(tt.runs, run("run-2", tt.ended))...)},
				"GET " + tekton + "taskruns": {func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, r.URL.Query().Get("labelSelector"))
					list("TaskRun", task("run-2", pipeline.TaskPlan, pipeline.ResultBuild, tt.build))(w, r)
				}},
			})
			with.Branch, with.Registry.Tries = o.Branch, 1
			e := see(t, with)
			if diff := cmp.Diff(tt.want, asked); diff != "" {
				t.Error(diff)
			}
			if e.Tekton.Others.Found != (len(tt.want) > 1) {
				t.Errorf("%+v", e.Tekton.Others)
			}
		})
	}
}
