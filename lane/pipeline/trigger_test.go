package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// TestE1_APushStartsTheSameRun: filled in, the template is the run of lane release.
func TestE1_APushStartsTheSameRun(t *testing.T) {
	in, n := shop(t, nil)
	all, err := pipeline.Triggers(in, n)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pipeline.Run(in, n, commit, 1, pipeline.Purpose{})
	if err != nil {
		t.Fatal(err)
	}
	var found int
	for _, o := range all {
		if labels := o.GetLabels(); labels[pipeline.LabelLane] != n.Lane || labels[pipeline.LabelProject] != n.Project {
			t.Errorf("%s %s is not labelled as the lane's", o.GetKind(), o.GetName())
		}
		if strings.Contains(string(o.YAML), "NodePort") || strings.Contains(string(o.YAML), "LoadBalancer") {
			t.Errorf("%s %s can be reached from outside", o.GetKind(), o.GetName())
		}
		if o.GetKind() != "TriggerTemplate" {
			continue
		}
		found++
		templates, _, err := unstructured.NestedSlice(o.Object, "spec", "resourcetemplates")
		if err != nil || len(templates) != 1 {
			t.Fatalf("%d templates, %v", len(templates), err)
		}
		data, err := yaml.Marshal(templates[0])
		if err != nil {
			t.Fatal(err)
		}
		filled := strings.NewReplacer("$(tt.params.commit)", commit, "$(tt.params.short)", commit[:12]).Replace(string(data))
		var got map[string]any
		if err := yaml.Unmarshal([]byte(filled), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Object, got); diff != "" {
			t.Error(diff)
		}
	}
	if found != 1 {
		t.Errorf("%d templates", found)
	}
}

// TestC4_TriggersMayReadNoSecret: the listener's account creates runs, and reads what is
// no secret.
func TestC4_TriggersMayReadNoSecret(t *testing.T) {
	in, n := shop(t, nil)
	all, err := pipeline.Triggers(in, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		rules, _, _ := unstructured.NestedSlice(o.Object, "rules")
		for _, r := range rules {
			resources, _, _ := unstructured.NestedStringSlice(r.(map[string]any), "resources")
			verbs, _, _ := unstructured.NestedStringSlice(r.(map[string]any), "verbs")
			for _, word := range append(resources, verbs...) {
				switch word {
				case "secrets", "*", "delete", "update", "impersonate", "pods":
					t.Errorf("%s: %v %v", o.GetKind(), verbs, resources)
				}
			}
		}
	}
}

func TestE1_RefusesARepositoryThatIsNoWord(t *testing.T) {
	in, n := shop(t, func(in *intent.Intent) { in.Source.Repository = `https://x" || "" == "` })
	if _, err := pipeline.Triggers(in, n); err == nil {
		t.Error("it stands in the filter")
	}
}
