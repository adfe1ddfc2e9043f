package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/release"
)

// FuzzJudge: whatever a server says, the verdict is one of the states, every error
// has a hint, and nothing that a terminal obeys gets through.
func FuzzJudge(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var objects [2][]byte
		run, task, _ := strings.Cut(string(data), "\n---\n")
		for i, text := range []string{run, task} {
			if objects[i], err = yaml.YAMLToJSON([]byte(text)); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(objects[0], objects[1])
	}
	object := func(data []byte) *unstructured.Unstructured {
		obj := &unstructured.Unstructured{}
		if obj.UnmarshalJSON(data) != nil {
			return nil
		}
		return obj
	}
	f.Fuzz(func(t *testing.T, run, task []byte) {
		r, k := object(run), object(task)
		if r == nil || k == nil {
			return
		}
		k.SetLabels(map[string]string{release.LabelRun: r.GetName(), "tekton.dev/pipelineTask": k.GetLabels()["tekton.dev/pipelineTask"]})
		p, err := release.Judge(r, []*unstructured.Unstructured{k})
		if err != nil {
			if fail.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
			return
		}
		told := []string{p.Name, p.Namespace, p.Commit, p.Reason, p.Message, p.Outcome, p.Gitops}
		for _, x := range p.Tasks {
			told = append(told, x.Name, x.Reason, x.Message, x.TaskRun, x.Pod, x.Step)
		}
		if strings.ContainsFunc(strings.Join(told, ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not clean: %q", told)
		}
		if p.State == "" || len(p.Tasks) == 0 {
			t.Errorf("no verdict: %+v", p)
		}
		_ = p.Failure()
	})
}
