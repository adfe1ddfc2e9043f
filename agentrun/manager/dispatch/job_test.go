package dispatch

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

const (
	testNamespace = "shop-v03"
	testURL       = "http://shop-mgr:8080"
	testRun       = "01890a5d-ac96-774b-bcce-b302099a8057"
)

// template is a Job as lane renders it for a manager.
func template(t testing.TB) *batchv1.Job {
	t.Helper()
	golden, err := txtar.ParseFile("../../../lane/render/testdata/deployment.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range golden.Files {
		for doc := range strings.SplitSeq(string(file.Data), "\n---\n") {
			var config corev1.ConfigMap
			if yaml.Unmarshal([]byte(doc), &config) != nil || config.Data["job.yaml"] == "" {
				continue
			}
			var job batchv1.Job
			if err := yaml.UnmarshalStrict([]byte(config.Data["job.yaml"]), &job); err != nil {
				t.Fatal(err)
			}
			return &job
		}
	}
	t.Fatal("lane renders no Job template")
	return nil
}

func attempt() store.OpenAttempt {
	return store.OpenAttempt{RunID: testRun, Attempt: 2, JobName: "run-01890a5dac96774bbcceb302099a8057-2", DeadlineSeconds: 600}
}

func TestManifest(t *testing.T) {
	from := template(t)
	job, err := Manifest(from, attempt(), testNamespace, testURL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(template(t), from); diff != "" {
		t.Errorf("the template was changed: %s", diff)
	}
	if k, ours := attemptOf(job); !ours || k != (key{testRun, 2}) {
		t.Errorf("it is of %+v, %v", k, ours)
	}
	golden, err := os.ReadFile("testdata/job.diff")
	if err != nil {
		t.Fatal(err)
	}
	before, err := yaml.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	after, err := yaml.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	if got := changed(string(before), string(after)); got != string(golden) {
		t.Errorf("what differs from the template is\n%s", got)
	}
	security, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	if res := policy.AggregateCheckResults(security.EvaluatePod(level, &job.Spec.Template.ObjectMeta, &job.Spec.Template.Spec)); !res.Allowed {
		t.Errorf("not restricted: %s", res.ForbiddenDetail())
	}
	if init := job.Spec.Template.Spec.InitContainers; !cmp.Equal(init, from.Spec.Template.Spec.InitContainers) {
		t.Error("the container that fills the home gets a token too")
	}
}

// changed are the lines that one text has and the other has not, in their order.
func changed(before, after string) string {
	var out strings.Builder
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]++
	}
	var added []string
	for line := range strings.Lines(after) {
		if count[line]--; count[line] < 0 {
			added = append(added, "+"+line)
		}
	}
	for line := range strings.Lines(before) {
		if count[line] > 0 {
			count[line]--
			out.WriteString("-" + line)
		}
	}
	return out.String() + strings.Join(added, "")
}

func TestManifestRefuses(t *testing.T) {
	tests := map[string]func(*batchv1.Job){
		"is for namespace other": func(j *batchv1.Job) { j.Namespace = "other" },
		"has no container":       func(j *batchv1.Job) { j.Spec.Template.Spec.Containers = nil },
		"more than one pod":      func(j *batchv1.Job) { j.Spec.Parallelism = new(int32(2)) },
		"restarts":               func(j *batchv1.Job) { j.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure },
		"of its own":             func(j *batchv1.Job) { j.Spec.Template.Spec.Volumes[0].Name = tokenVolume },
	}
	for why, change := range tests {
		job := template(t)
		change(job)
		if _, err := Manifest(job, attempt(), testNamespace, testURL); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %v, want %s", err, why)
		}
	}
	job := template(t)
	job.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: EnvTokenFile, Value: "/elsewhere"}}
	made, err := Manifest(job, attempt(), testNamespace, testURL)
	if err != nil {
		t.Fatal(err)
	}
	want := []corev1.EnvVar{{Name: EnvManagerURL, Value: testURL}, {Name: EnvTokenFile, Value: "/var/run/secrets/agentrun.dev/token"}}
	if diff := cmp.Diff(want, made.Spec.Template.Spec.Containers[0].Env); diff != "" {
		t.Error(diff)
	}
}

// What only looks like ours is not.
func TestAttemptOfTakesOnlyOurs(t *testing.T) {
	good, err := Manifest(template(t), attempt(), testNamespace, testURL)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*batchv1.Job){
		"another name":    func(j *batchv1.Job) { j.Name = "run-x-2" },
		"another attempt": func(j *batchv1.Job) { j.Labels["agentrun.dev/attempt"] = "1" },
		"no number":       func(j *batchv1.Job) { j.Labels["agentrun.dev/attempt"] = "two" },
		"no id":           func(j *batchv1.Job) { j.Labels["agentrun.dev/run"] = strings.ToUpper(testRun) },
		"no label":        func(j *batchv1.Job) { delete(j.Labels, "agentrun.dev/run") },
	} {
		job := good.DeepCopy()
		change(job)
		if k, ours := attemptOf(job); ours {
			t.Errorf("%s: it is taken for %+v", name, k)
		}
	}
}
