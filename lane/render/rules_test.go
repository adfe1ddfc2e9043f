package render

import (
	"os"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/intent"
)

// TestA4_TwoLanesShareNoPathAndNoObject: the same services in two lanes.
func TestA4_TwoLanesShareNoPathAndNoObject(t *testing.T) {
	in := golden(t, "storage")
	n, c := lane(t, in)
	one := must(t, in, n, c)
	in.Lane = "v0.30"
	n2, c2 := lane(t, in)
	other := must(t, in, n2, c2)
	for path, content := range other {
		if _, shared := one[path]; shared {
			t.Errorf("both lanes write %s", path)
		}
		if strings.Contains(string(content), n.RuntimeNamespace+"\n") {
			t.Errorf("%s speaks of %s", path, n.RuntimeNamespace)
		}
		if err := Check(Tree{path: content}, n, c); err == nil {
			t.Errorf("%s of %s passes as %s's", path, n2.Lane, n.Lane)
		}
	}
}

// TestG7_HomeIsFilledByTheInitContainerAlone: the Secret is a read-only
// projection that only the init container mounts, the home is writable memory
// that both mount, and both know where it is.
func TestG7_HomeIsFilledByTheInitContainerAlone(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	var m corev1.ConfigMap
	for doc := range documents(must(t, in, n, c)[n.RuntimePath+"/services/import.yaml"]) {
		if strings.Contains(string(doc), "kind: ConfigMap") {
			if err := yaml.UnmarshalStrict(doc, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict([]byte(m.Data[jobKey]), &job); err != nil {
		t.Fatal(err)
	}
	pod := job.Spec.Template.Spec
	var secret, home string
	for _, v := range pod.Volumes {
		switch {
		case v.Projected != nil:
			secret = v.Name
			if *v.Projected.DefaultMode != 0o440 || v.Projected.Sources[0].Secret.Name != "shop-v03-tool" {
				t.Errorf("projection %+v", v.Projected)
			}
		case v.EmptyDir != nil:
			home = v.Name
			if v.EmptyDir.Medium != corev1.StorageMediumMemory || v.EmptyDir.SizeLimit.String() != "32Mi" {
				t.Errorf("home %+v", v.EmptyDir)
			}
		}
	}
	for _, ctr := range append(pod.InitContainers, pod.Containers...) {
		isInit := ctr.Name == "import-home"
		mounted := map[string]bool{}
		for _, vm := range ctr.VolumeMounts {
			mounted[vm.Name] = true
			if vm.ReadOnly != (vm.Name == secret) {
				t.Errorf("%s mounts %s with readOnly %v", ctr.Name, vm.Name, vm.ReadOnly)
			}
		}
		if mounted[secret] != isInit || !mounted[home] {
			t.Errorf("%s mounts %v", ctr.Name, mounted)
		}
		if len(ctr.Env) != 1 || ctr.Env[0].Name != "TOOL_HOME" || ctr.Env[0].Value != "/home/tool" {
			t.Errorf("%s has the environment %v", ctr.Name, ctr.Env)
		}
		if *ctr.SecurityContext.ReadOnlyRootFilesystem != true {
			t.Errorf("%s may write its root file system", ctr.Name)
		}
	}
}

// TestG4_OnlyAccountsWithRulesGetAToken: and a binding gives them a Role of the
// same namespace, nothing else.
func TestG4_OnlyAccountsWithRulesGetAToken(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	tree := must(t, in, n, c)
	for file, want := range map[string]string{
		"/services/api.yaml":    "      automountServiceAccountToken: true\n",
		"/services/import.yaml": "          automountServiceAccountToken: false\n",
	} {
		if !strings.Contains(string(tree[n.RuntimePath+file]), want) {
			t.Errorf("%s lacks %q", file, want)
		}
	}
	access := string(tree[n.RuntimePath+"/access.yaml"])
	if strings.Count(access, "\nautomountServiceAccountToken: false\n") != 2 || strings.Count(access, "\nkind: Role\n") != 1 || strings.Count(access, "\nkind: RoleBinding\n") != 1 {
		t.Errorf("access.yaml:\n%s", access)
	}
}

// TestRenderThisRepository: the repository's own intent is valid, renders, passes
// Check, is complete and leaves no flow half declared.
func TestRenderThisRepository(t *testing.T) {
	data, err := os.ReadFile("../../" + intent.Path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		t.Fatal(err)
	}
	n, c := lane(t, in)
	tree := must(t, in, n, c)
	if err := Check(tree, n, c); err != nil {
		t.Error(err)
	}
	for _, note := range Notes(in) {
		if strings.Contains(note, "stays denied") {
			t.Error(note)
		}
	}
}
