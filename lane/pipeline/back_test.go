package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/pipeline"
)

// TestE6_ARollbackPromotesWithoutBuilding: a run that goes back skips what would build
// or check, and the promotion is told where to and held by what.
func TestE6_ARollbackPromotesWithoutBuilding(t *testing.T) {
	in, n := shop(t, nil)
	hold := "{\n  \"reason\": \"it's \\\"broken\\\": #1\"\n}\n"
	back := strings.Repeat("d", 40)
	run, err := pipeline.Run(in, n, commit, 3, pipeline.Purpose{Rollback: &pipeline.Rollback{To: back, Hold: []byte(hold)}})
	if err != nil {
		t.Fatal(err)
	}
	params, _, err := unstructured.NestedSlice(run.Object, "spec", "params")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": pipeline.ParamCommit, "value": commit},
		map[string]any{"name": pipeline.ParamRollback, "value": back},
		map[string]any{"name": pipeline.ParamHold, "value": hold},
	}
	if diff := cmp.Diff(want, params); diff != "" || run.GetLabels()[pipeline.LabelRollback] != back {
		t.Errorf("labels %v, params %s", run.GetLabels(), diff)
	}
	release := find(t, all(t, in, n), "PipelineRun")
	if _, has := release.GetLabels()[pipeline.LabelRollback]; has || strings.Contains(string(release.YAML), pipeline.ParamRollback) {
		t.Errorf("a release speaks of going back:\n%s", release.YAML)
	}
	var p struct {
		Spec struct {
			Params []struct {
				Name    string
				Default *string
			}
			Tasks []struct {
				Name string
				When []struct {
					Input, Operator string
					Values          []string
				}
			}
		}
	}
	if err := yaml.Unmarshal(find(t, all(t, in, n), "Pipeline").YAML, &p); err != nil {
		t.Fatal(err)
	}
	skipped := map[string]bool{}
	for _, task := range p.Spec.Tasks {
		for _, w := range task.When {
			if w.Input == "$(params.rollback)$(params.restart)" && w.Operator == "in" && cmp.Equal(w.Values, []string{""}) {
				skipped[task.Name] = true
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{"check": true, "plan": true, "publish": true}, skipped); diff != "" {
		t.Error(diff)
	}
	for _, param := range p.Spec.Params {
		if required := param.Default == nil; required != (param.Name == pipeline.ParamCommit) {
			t.Errorf("%s: required is %t", param.Name, required)
		}
	}
	args := strings.Join(tasks(t, all(t, in, n))["promote"].TaskSpec.Steps[0].Args, " ")
	if !strings.Contains(args, "--rollback-to $(params.rollback) --hold $(params.hold) --restart $(params.restart) --commit $(params.commit)") {
		t.Error(args)
	}
}

// TestE6_ARestartPromotesWithoutBuilding: a run that replaces pods is told whose, and is
// found by their generation.
func TestE6_ARestartPromotesWithoutBuilding(t *testing.T) {
	in, n := shop(t, nil)
	run, err := pipeline.Run(in, n, commit, 3, pipeline.Purpose{Restart: &pipeline.Restart{Services: "api,web", Generation: "0123456789012345"}})
	if err != nil {
		t.Fatal(err)
	}
	params, _, err := unstructured.NestedSlice(run.Object, "spec", "params")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": pipeline.ParamCommit, "value": commit},
		map[string]any{"name": pipeline.ParamRestart, "value": "0123456789012345=api,web"},
	}
	if diff := cmp.Diff(want, params); diff != "" || run.GetLabels()[pipeline.LabelRestart] != "0123456789012345" {
		t.Errorf("labels %v, params %s", run.GetLabels(), diff)
	}
}
