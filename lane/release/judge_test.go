package release_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/release"
)

// recorded reads a file of objects: a PipelineRun and its TaskRuns.
func recorded(t *testing.T, name string) (*unstructured.Unstructured, []*unstructured.Unstructured) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for doc := range bytes.SplitSeq(data, []byte("\n---\n")) {
		all = append(all, parse(t, string(doc)))
	}
	return all[0], all[1:]
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return obj
}

// summary is a run on a few lines.
func summary(p *release.Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", p.State, p.Reason)
	if p.Outcome != "" {
		fmt.Fprintf(&b, " outcome=%s gitops=%.7s", p.Outcome, p.Gitops)
	}
	b.WriteByte('\n')
	for _, t := range p.Tasks {
		fmt.Fprintf(&b, "  %s %s %s", t.Name, t.State, t.Reason)
		if t.Step != "" {
			fmt.Fprintf(&b, " step=%s", t.Step)
		}
		if t.Exit != 0 {
			fmt.Fprintf(&b, " exit=%d", t.Exit)
		}
		if t.Retries != 0 {
			fmt.Fprintf(&b, " retries=%d", t.Retries)
		}
		if !t.Ended.IsZero() {
			fmt.Fprintf(&b, " took=%s", t.Ended.Sub(t.Started))
		}
		b.WriteByte('\n')
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"running", `running Running
  prepare-source running Running step=first
  check waiting
  plan waiting
  publish waiting
  promote waiting
`},
		{"skipped", `succeeded Completed outcome=promoted gitops=89abcde
  prepare-source succeeded Succeeded took=1m8s
  check succeeded Succeeded took=10s
  plan succeeded Succeeded took=10s
  publish skipped When Expressions evaluated to false
  promote succeeded Succeeded took=7s
`},
		{"failed", `failed Failed
  prepare-source succeeded Succeeded took=9s
  check failed Failed step=check exit=2 took=9s
  plan succeeded Succeeded took=10s
  publish skipped PipelineRun was stopping
  promote skipped PipelineRun was stopping
`},
		{"superseded", `superseded Failed outcome=superseded gitops=89abcde
  prepare-source succeeded Succeeded took=9s
  check succeeded Succeeded took=9s
  plan succeeded Succeeded took=7s
  publish succeeded Succeeded took=9s
  promote failed Failed step=promote exit=5 took=5s
`},
		{"notstarted", `failed Failed
  prepare-source failed CreateContainerConfigError
  check skipped PipelineRun was stopping
  plan skipped PipelineRun was stopping
  publish skipped PipelineRun was stopping
  promote skipped PipelineRun was stopping
`},
		{"cancelling", `stopping Running
  prepare-source running Running step=fetch
  check waiting
  plan waiting
  publish waiting
  promote waiting
`},
		{"cancelled", `cancelled Cancelled
  prepare-source cancelled TaskRunCancelled took=15s
  check skipped PipelineRun was stopping
  plan skipped PipelineRun was stopping
  publish skipped PipelineRun was stopping
  promote skipped PipelineRun was stopping
`},
		{"nopipeline", `failed CouldntGetPipeline
  prepare-source skipped
  check skipped
  plan skipped
  publish skipped
  promote skipped
`},
	} {
		t.Run(tt.file, func(t *testing.T) {
			run, tasks := recorded(t, tt.file)
			p, err := release.Judge(run, tasks)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summary(p)); diff != "" {
				t.Error(diff)
			}
			again, err := release.Judge(run, tasks)
			if err != nil || len(release.Changes(p, again)) != 0 {
				t.Errorf("the same objects are judged in another way: %v", err)
			}
		})
	}
}

// TestJudgeWhatTektonHasNotSeen: a run that was made this moment, one that waits for
// leave, and a task that is begun again.
func TestJudgeWhatTektonHasNotSeen(t *testing.T) {
	run, tasks := recorded(t, "running")
	status := run.Object["status"]
	delete(run.Object, "status")
	p, err := release.Judge(run, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(summary(p), " waiting"); p.State != release.Waiting || got != 5 || p.Commit == "" {
		t.Errorf("got %s", summary(p))
	}
	run.Object["status"] = status
	tasks[0].Object["status"].(map[string]any)["retriesStatus"] = []any{map[string]any{"podName": "x"}}
	tasks[0].Object["status"].(map[string]any)["conditions"] = []any{map[string]any{"type": "Succeeded", "status": "Unknown", "reason": "ToBeRetried"}}
	if p, err = release.Judge(run, tasks); err != nil {
		t.Fatal(err)
	}
	if got := p.Tasks[0]; got.State != release.Running || got.Retries != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestE4_OnlyTheOutcomeSaysSuperseded: a promotion ends with the same exit code when its
// plan is stale, and then nothing newer is promoted and its commit is to be released
// again.
func TestE4_OnlyTheOutcomeSaysSuperseded(t *testing.T) {
	run, tasks := recorded(t, "superseded")
	for _, task := range tasks {
		if task.GetLabels()["tekton.dev/pipelineTask"] == "promote" {
			unstructured.RemoveNestedField(task.Object, "status", "results")
		}
	}
	p, err := release.Judge(run, tasks)
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Failure(); p.State != release.Failed || p.Outcome != "" || f.Exit != 5 || !f.Stale() {
		t.Errorf("%+v of %+v", f, p)
	}
	run, tasks = recorded(t, "failed")
	if p, err = release.Judge(run, tasks); err != nil || p.Failure().Stale() {
		t.Errorf("%v: %+v", err, p.Failure())
	}
}

func TestFailure(t *testing.T) {
	run, tasks := recorded(t, "failed")
	p, err := release.Judge(run, tasks)
	if err != nil {
		t.Fatal(err)
	}
	f := p.Failure()
	if f.Task != "check" || f.Step != "check" || f.Container != "step-check" || f.Pod == "" || f.Exit != 2 {
		t.Errorf("got %+v", f)
	}
	run, tasks = recorded(t, "nopipeline")
	if p, err = release.Judge(run, tasks); err != nil {
		t.Fatal(err)
	}
	if f := p.Failure(); f.Task != "" || f.Reason != "CouldntGetPipeline" || !strings.Contains(f.Message, "not found") {
		t.Errorf("got %+v", f)
	}
}

// TestJudgeTakesOnlyItsOwn: TaskRuns of another run count for nothing, and what a
// server writes into texts is cleaned.
func TestJudgeTakesOnlyItsOwn(t *testing.T) {
	run, _ := recorded(t, "running")
	_, others := recorded(t, "failed")
	for _, o := range others {
		o.SetLabels(map[string]string{release.LabelRun: "another", "tekton.dev/pipelineTask": "check"})
	}
	if err := unstructured.SetNestedField(run.Object, []any{map[string]any{"type": "Succeeded", "status": "False", "reason": "a\x1b[2Jb", "message": "m\x07"}}, "status", "conditions"); err != nil {
		t.Fatal(err)
	}
	p, err := release.Judge(run, others)
	if err != nil {
		t.Fatal(err)
	}
	if p.Reason != "a?[2Jb" || p.Message != "m?" || p.Tasks[1].State != release.Skipped {
		t.Errorf("got %+v", p)
	}
}

func TestJudgeRefusesOtherTypes(t *testing.T) {
	for _, text := range []string{
		"{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: x, namespace: ci}, status: {conditions: yes please}}",
		"{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: x, namespace: ci}, status: {startTime: 5}}",
		"{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: x, namespace: ci}, status: {startTime: monday}}",
	} {
		_, err := release.Judge(parse(t, text), nil)
		if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || !strings.Contains(err.Error(), "PipelineRun ci/x") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestChanges(t *testing.T) {
	read := func(file string) *release.Progress {
		run, tasks := recorded(t, file)
		p, err := release.Judge(run, tasks)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	lines := func(changes []release.Change) string {
		var b strings.Builder
		for _, c := range changes {
			fmt.Fprintf(&b, "%s %s %s %s\n", c.Task, c.State, c.Step, c.Message)
		}
		return b.String()
	}
	running, failed := read("running"), read("failed")
	fresh := *running
	fresh.State, fresh.Reason, fresh.Message, fresh.Tasks = release.Waiting, "", "", nil
	for _, t := range running.Tasks {
		fresh.Tasks = append(fresh.Tasks, release.Task{Name: t.Name, State: release.Waiting})
	}
	if diff := cmp.Diff(" waiting  \n", lines(release.Changes(nil, &fresh))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("prepare-source running first \n running  \n", lines(release.Changes(&fresh, running))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`prepare-source succeeded  
check failed check "step-check" exited with code 2: Error
plan succeeded  
publish skipped  
promote skipped  
 failed  Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 2
`, lines(release.Changes(running, failed))); diff != "" {
		t.Error(diff)
	}
}

const commit = "0123456789abcdef0123456789abcdef01234567"

func laneNames(t *testing.T) names.Names {
	t.Helper()
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestE1_ChoosesTheCommitsRun(t *testing.T) {
	n := laneNames(t)
	run := func(name, status string) unstructured.Unstructured {
		return *parse(t, "{apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: {name: "+name+", namespace: shop-ci}, status: {startTime: '2026-01-02T03:04:05Z', conditions: [{type: Succeeded, status: '"+status+"', reason: X}]}}")
	}
	one, two, ten := n.PipelineRun(commit, 1), n.PipelineRun(commit, 2), n.PipelineRun(commit, 10)
	for _, tt := range []struct {
		name           string
		runs           []unstructured.Unstructured
		active, newest string
		next           int
	}{
		{"none", nil, "", "", 1},
		{"active", []unstructured.Unstructured{run(one, "Unknown")}, one, "", 2},
		{"ended", []unstructured.Unstructured{run(ten, "False"), run(two, "True"), run(one, "True")}, "", ten, 11},
		{"active beside ended", []unstructured.Unstructured{run(one, "False"), run(two, "Unknown")}, two, one, 3},
		{"started by a trigger", []unstructured.Unstructured{run("shop-v03-ci-x8kqz", "Unknown"), run(one, "False")}, "shop-v03-ci-x8kqz", one, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := release.Choose(n, commit, tt.runs)
			if err != nil {
				t.Fatal(err)
			}
			name := func(p *release.Progress) string {
				if p == nil {
					return ""
				}
				return p.Name
			}
			if name(c.Active) != tt.active || name(c.Newest) != tt.newest || c.Next != tt.next {
				t.Errorf("active %q, newest %q, next %d", name(c.Active), name(c.Newest), c.Next)
			}
		})
	}
	for name, want := range map[string]int{one: 1, ten: 10, one + "0": 10, n.PipelineRun(commit, 0): 0, strings.TrimSuffix(one, "1") + "01": 0, strings.TrimSuffix(one, "1") + "-1": 0, "x": 0, n.PipelineRunPrefix: 0} {
		if got := release.Nth(n, commit, name); got != want {
			t.Errorf("%s is number %d, want %d", name, got, want)
		}
	}
}
