package pipeline_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

var update = flag.Bool("update", false, "write the golden file anew")

var (
	digest = "sha256:" + strings.Repeat("ab", 32)
	commit = strings.Repeat("c0ffee12", 5)
)

// shop is the example project, changed as a test wants it.
func shop(t *testing.T, change func(*intent.Intent)) (*intent.Intent, names.Names) {
	t.Helper()
	data, err := os.ReadFile("../intent/testdata/shop.json")
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse("shop.json", data)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(in)
	}
	n, err := in.Names()
	if err != nil {
		t.Fatal(err)
	}
	return in, n
}

func image(in *intent.Intent, n names.Names) string {
	return in.Registry.Address + "/" + n.Toolchain() + "@" + digest
}

// all are the objects of a lane and one run of it.
func all(t *testing.T, in *intent.Intent, n names.Names) []pipeline.Object {
	t.Helper()
	tekton, err := pipeline.Tekton(in, n, image(in, n))
	if err != nil {
		t.Fatal(err)
	}
	argo, err := pipeline.Argo(in, n)
	if err != nil {
		t.Fatal(err)
	}
	run, err := pipeline.Run(in, n, commit, 2, pipeline.Purpose{})
	if err != nil {
		t.Fatal(err)
	}
	return append(append(tekton, argo...), run)
}

func find(t *testing.T, objects []pipeline.Object, kind string) pipeline.Object {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind {
			return o
		}
	}
	t.Fatalf("there is no %s", kind)
	return pipeline.Object{}
}

func TestGolden(t *testing.T) {
	const file = "testdata/shop.txtar"
	in, n := shop(t, nil)
	var got txtar.Archive
	for _, o := range all(t, in, n) {
		got.Files = append(got.Files, txtar.File{Name: strings.ToLower(o.GetKind()) + ".yaml", Data: o.YAML})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(&got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(&got))); diff != "" {
		t.Errorf("run go test ./lane/pipeline -update and look at the difference:\n%s", diff)
	}
}

func TestB2_RunsUseTheHostsNetwork(t *testing.T) {
	in, n := shop(t, nil)
	run := find(t, all(t, in, n), "PipelineRun")
	pod, _, err := unstructured.NestedMap(run.Object, "spec", "taskRunTemplate", "podTemplate")
	if err != nil {
		t.Fatal(err)
	}
	if pod["hostNetwork"] != true || pod["dnsPolicy"] != "ClusterFirstWithHostNet" || pod["automountServiceAccountToken"] != false {
		t.Errorf("pod template %v", pod)
	}
	if run.GetName() != n.PipelineRun(commit, 2) || run.GetLabels()[pipeline.LabelCommit] != commit {
		t.Errorf("run %s with %v", run.GetName(), run.GetLabels())
	}
}

type step struct {
	Name            string
	Image           string
	Script          string
	WorkingDir      string
	Command, Args   []string
	Env             []struct{ Name, Value string }
	SecurityContext map[string]any
	VolumeMounts    []struct{ Name, MountPath string }
}

type task struct {
	Name     string
	RunAfter []string
	Retries  int
	TaskSpec struct {
		StepTemplate step
		Steps        []step
		Volumes      []struct {
			Name   string
			Secret struct {
				SecretName  string
				DefaultMode int
			}
		}
	}
}

// tasks reads a Pipeline's tasks.
func tasks(t *testing.T, objects []pipeline.Object) map[string]task {
	t.Helper()
	var p struct{ Spec struct{ Tasks []task } }
	if err := yaml.Unmarshal(find(t, objects, "Pipeline").YAML, &p); err != nil {
		t.Fatal(err)
	}
	byName := map[string]task{}
	for _, task := range p.Spec.Tasks {
		byName[task.Name] = task
	}
	if len(byName) != 5 {
		t.Fatalf("%d tasks", len(byName))
	}
	return byName
}

// TestB3_B4_NetworkComesFromTheIntent: a proxy, a registry or a namespace of
// another name is in every object, and the old one in none.
func TestB3_B4_NetworkComesFromTheIntent(t *testing.T) {
	in, n := shop(t, func(in *intent.Intent) {
		in.CI.Proxy = "http://127.0.0.1:3128"
		in.CI.NoProxy = append(in.CI.NoProxy, "mirror.example.com")
		in.CI.Namespace = "other-ci"
		in.Registry.Address = "10.9.8.7:5443"
	})
	objects := all(t, in, n)
	for _, task := range tasks(t, objects) {
		env := map[string]string{}
		for _, v := range task.TaskSpec.StepTemplate.Env {
			env[v.Name] = v.Value
		}
		for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
			if env[name] != "http://127.0.0.1:3128" {
				t.Errorf("%s: %s is %q", task.Name, name, env[name])
			}
		}
		if env["NO_PROXY"] != env["no_proxy"] {
			t.Errorf("%s: two lists: %q, %q", task.Name, env["NO_PROXY"], env["no_proxy"])
		}
		for _, direct := range []string{"hyueapi.com", ".hyueapi.com", ".svc.cluster.local", "10.43.0.0/16", "mirror.example.com", "127.0.0.1", "localhost", "10.9.8.7"} {
			if !strings.Contains(","+env["NO_PROXY"]+",", ","+direct+",") {
				t.Errorf("%s: NO_PROXY lacks %s", task.Name, direct)
			}
		}
		if task.TaskSpec.StepTemplate.Image != "10.9.8.7:5443/shop/toolchain@"+digest {
			t.Errorf("%s runs in %s", task.Name, task.TaskSpec.StepTemplate.Image)
		}
	}
	for _, o := range objects {
		for _, old := range []string{"10808", "shop-ci", "127.0.0.1:5000"} {
			if strings.Contains(string(o.YAML), old) {
				t.Errorf("%s %s still says %s", o.GetKind(), o.GetName(), old)
			}
		}
	}
}

func TestB3_NoProxyNoVariables(t *testing.T) {
	in, n := shop(t, func(in *intent.Intent) { in.CI.Proxy = "" })
	for _, task := range tasks(t, all(t, in, n)) {
		for _, v := range task.TaskSpec.StepTemplate.Env {
			if strings.Contains(strings.ToLower(v.Name), "proxy") {
				t.Errorf("%s: %s", task.Name, v.Name)
			}
		}
	}
}

func TestB1_RefusesStepsInAnythingButThePinnedToolchain(t *testing.T) {
	in, n := shop(t, nil)
	for _, image := range []string{
		"", in.Registry.Address + "/" + n.Toolchain() + ":latest",
		"docker.io/library/golang@" + digest, in.Registry.Address + "/shop/api@" + digest,
		image(in, n) + "\n  x: y",
	} {
		if _, err := pipeline.Tekton(in, n, image); fail.RuleOf(err) != "B1" || fail.HintOf(err) == "" {
			t.Errorf("%q: %v", image, err)
		}
	}
}

// TestE1_StepsHaveNoRights: no step can do more than its work, and the account no
// more than exist.
func TestE1_StepsHaveNoRights(t *testing.T) {
	t.Run("with a seccomp profile", func(t *testing.T) {
		haveNoRights(t, "lane/buildkit.json", "map[localhostProfile:lane/buildkit.json type:Localhost]")
	})
	t.Run("without one", func(t *testing.T) { haveNoRights(t, "", "map[type:Unconfined]") })
}

// haveNoRights looks at a lane whose intent names the profile for the step that builds.
func haveNoRights(t *testing.T, profile, building string) {
	in, n := shop(t, func(in *intent.Intent) { in.CI.SeccompProfile = profile })
	objects := all(t, in, n)
	for _, o := range objects {
		if strings.Contains(o.GetKind(), "Role") {
			t.Errorf("%s %s gives the pipeline rights in the cluster", o.GetKind(), o.GetName())
		}
	}
	if find(t, objects, "ServiceAccount").Object["automountServiceAccountToken"] != false {
		t.Error("the account's token is mounted")
	}
	for _, task := range tasks(t, objects) {
		template := task.TaskSpec.StepTemplate.SecurityContext
		want := map[string]any{
			"runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
			"capabilities": map[string]any{"drop": []any{"ALL"}}, "seccompProfile": map[string]any{"type": "RuntimeDefault"},
		}
		if diff := cmp.Diff(want, template); diff != "" {
			t.Errorf("%s: %s", task.Name, diff)
		}
		for _, s := range task.TaskSpec.Steps {
			own := fmt.Sprint(s.SecurityContext)
			if s.Name == "publish" && own == "map[seccompProfile:"+building+"]" || own == "map[]" {
				continue
			}
			t.Errorf("%s/%s: %s", task.Name, s.Name, own)
		}
	}
}

// TestC4_SecretsAreMountedWhereTheyAreUsed: git's in the tasks that talk to the
// remote, the signing key in the promotion, and none in those that run the
// commit's own code.
func TestC4_SecretsAreMountedWhereTheyAreUsed(t *testing.T) {
	for _, signed := range []bool{true, false} {
		in, n := shop(t, func(in *intent.Intent) {
			if !signed {
				in.CI.Signers = nil
			}
		})
		got := map[string][]string{}
		for name, task := range tasks(t, all(t, in, n)) {
			for _, v := range task.TaskSpec.Volumes {
				if v.Secret.SecretName != "" {
					got[name] = append(got[name], v.Secret.SecretName)
					if v.Secret.DefaultMode != 0o440 {
						t.Errorf("%s has the mode %o", v.Secret.SecretName, v.Secret.DefaultMode)
					}
				}
			}
		}
		want := map[string][]string{"prepare-source": {"shop-v03-git"}, "promote": {"shop-v03-git"}}
		if signed {
			want["promote"] = append(want["promote"], "shop-v03-signing")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want["promote"], pipeline.Secrets(in, n)); diff != "" { // which mounts all there are
			t.Error(diff)
		}
	}
}

func TestGitSignsInByTheRepositorysScheme(t *testing.T) {
	for repository, want := range map[string]string{
		"git@git.example.com:shop/shop.git":       "GIT_SSH_COMMAND",
		"git.example.com:shop/shop.git":           "GIT_SSH_COMMAND",
		"ssh://git@git.example.com/shop/shop.git": "GIT_SSH_COMMAND",
		"https://git.example.com/shop/shop.git":   "GIT_CONFIG_VALUE_0",
		"http://127.0.0.1:3000/shop.git":          "GIT_CONFIG_VALUE_0",
	} {
		in, n := shop(t, func(in *intent.Intent) { in.Source.Repository = repository })
		for name, task := range tasks(t, all(t, in, n)) {
			has := false
			for _, v := range task.TaskSpec.StepTemplate.Env {
				has = has || v.Name == want
			}
			if has != (name == pipeline.TaskPrepare || name == pipeline.TaskPromote) {
				t.Errorf("%s over %s: %s is %v", name, repository, want, has)
			}
		}
	}
}

// TestE3_NothingIsPublishedBeforeTheCheck, nor promoted before both.
func TestE3_NothingIsPublishedBeforeTheCheck(t *testing.T) {
	in, n := shop(t, nil)
	got := map[string][]string{}
	for name, task := range tasks(t, all(t, in, n)) {
		got[name] = task.RunAfter
	}
	want := map[string][]string{
		"prepare-source": nil, "check": {"prepare-source"}, "plan": {"prepare-source"},
		"publish": {"check", "plan"}, "promote": {"publish"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestB5_TheCheckAsksForEverything that a release has to pass.
func TestB5_TheCheckAsksForEverything(t *testing.T) {
	in, n := shop(t, nil)
	var lines []string
	for _, s := range tasks(t, all(t, in, n))["check"].TaskSpec.Steps {
		lines = append(lines, strings.Join(append(s.Command, s.Args...), " "))
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"go mod verify", "go vet -mod=readonly ./...", "make unit", " check --commit", " render --dry-run", "git status --porcelain"} {
		if !strings.Contains(text, want) {
			t.Errorf("the check lacks %q", want)
		}
	}
}

// TestNoPodWaitsForMoreThanItsSteps: for a script, and for a working directory that is
// relative or below /workspace, Tekton starts one more container before the first step.
func TestNoPodWaitsForMoreThanItsSteps(t *testing.T) {
	in, n := shop(t, nil)
	for name, task := range tasks(t, all(t, in, n)) {
		for _, s := range append(task.TaskSpec.Steps, task.TaskSpec.StepTemplate) {
			if dir := s.WorkingDir; dir != "" && !filepath.IsAbs(dir) || strings.HasPrefix(dir, "/workspace/") {
				t.Errorf("%s %s works in %s", name, s.Name, dir)
			}
			if s.Script != "" {
				t.Errorf("%s %s has a script", name, s.Name)
			}
		}
	}
}

// TestScriptsAreConstant: nothing that varies is ever read by a shell as code.
func TestScriptsAreConstant(t *testing.T) {
	scripts := func(change func(*intent.Intent)) (text string) {
		in, n := shop(t, change)
		for _, name := range []string{"prepare-source", "check", "plan", "publish", "promote"} {
			for _, s := range tasks(t, all(t, in, n))[name].TaskSpec.Steps {
				if s.Command[0] == "sh" {
					text += strings.Join(append(s.Command, s.Args...), " ")
				}
			}
		}
		return text
	}
	one := scripts(nil)
	other := scripts(func(in *intent.Intent) {
		in.Project, in.Lane, in.Source.Repository = "mall", "v1.2", "https://x.example.com/y.git"
	})
	if one != other || one == "" {
		t.Error("scripts differ between two lanes")
	}
	if strings.Contains(one, "$(params") || strings.Contains(one, "$(results") || strings.Contains(one, "$(context") {
		t.Error("Tekton would replace something in a script")
	}
}

// TestG2_G3_ArgoKnowsOneNamespaceAndOneSource: and A4, two lanes share nothing.
func TestG2_G3_ArgoKnowsOneNamespaceAndOneSource(t *testing.T) {
	in, n := shop(t, nil)
	objects := all(t, in, n)
	type destination struct{ Server, Namespace string }
	var project struct {
		Spec struct {
			SourceRepos              []string
			Destinations             []destination
			ClusterResourceWhitelist []struct{ Group, Kind string }
		}
	}
	if err := yaml.Unmarshal(find(t, objects, "AppProject").YAML, &project); err != nil {
		t.Fatal(err)
	}
	here := destination{"https://kubernetes.default.svc", "shop-v03"}
	if diff := cmp.Diff([]destination{here}, project.Spec.Destinations); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{in.Source.Repository}, project.Spec.SourceRepos); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(project.Spec.ClusterResourceWhitelist); got != "[{ Namespace}]" {
		t.Errorf("cluster kinds %s", got)
	}
	var app struct {
		Spec struct {
			Project     string
			Source      struct{ RepoURL, TargetRevision, Path string }
			Destination destination
		}
	}
	if err := yaml.Unmarshal(find(t, objects, "Application").YAML, &app); err != nil {
		t.Fatal(err)
	}
	s := app.Spec.Source
	if app.Spec.Project != "shop-v03" || s.RepoURL != in.Source.Repository || s.TargetRevision != "refs/heads/v0.3-gitops" || s.Path != "deploy/gitops/k7/runtime-v03" || app.Spec.Destination != here {
		t.Errorf("application %+v", app)
	}
}

func TestA4_TwoLanesShareOnlyTheNamespaceOfTheirRuns(t *testing.T) {
	ids := func(lane string) map[string]bool {
		in, n := shop(t, func(in *intent.Intent) { in.Lane = lane })
		ids := map[string]bool{}
		for _, o := range all(t, in, n) {
			ids[o.GetKind()+" "+o.GetNamespace()+" "+o.GetName()] = true
		}
		return ids
	}
	shared := []string{}
	other := ids("v0.10")
	for id := range ids("v0.1") {
		if other[id] {
			shared = append(shared, id)
		}
	}
	if diff := cmp.Diff([]string{"Namespace  shop-ci"}, shared); diff != "" {
		t.Error(diff)
	}
}

// TestValuesCannotLeaveTheirPlace: whatever an intent gets past its validation is
// one string of the object.
func TestValuesCannotLeaveTheirPlace(t *testing.T) {
	evil := "http://h:1\"}\n- {name: X, value: \"${IFS}: # &a *b !!c %d @e `f"
	in, n := shop(t, func(in *intent.Intent) { in.CI.Proxy = evil; in.Source.Repository = "https://" + evil })
	objects := all(t, in, n)
	for _, v := range tasks(t, objects)["plan"].TaskSpec.StepTemplate.Env {
		if v.Name == "http_proxy" && v.Value != evil || v.Name == "X" {
			t.Errorf("%q", v)
		}
	}
	if !bytes.HasSuffix(find(t, objects, "Application").YAML, []byte("\n")) {
		t.Error("no newline at the end")
	}
}
