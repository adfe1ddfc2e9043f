package triggers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/pkg/interceptors/cel"
	"github.com/tektoncd/triggers/pkg/interceptors/github"
	"github.com/tektoncd/triggers/pkg/template"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	secret = "not the webhook's secret"
)

// printed is what lane prints of the example project.
type printed struct {
	listener v1beta1.EventListener
	binding  v1beta1.TriggerBinding
	template v1beta1.TriggerTemplate
	kinds    []string
}

// validated is an object of Tekton as its admission sees it.
type validated interface {
	SetDefaults(ctx context.Context)
	Validate(ctx context.Context) *apis.FieldError
}

// prints runs lane in a repository of the example project. Each object is decoded into
// Tekton's or Kubernetes' type for it, and a field that the type does not have fails.
func prints(t *testing.T) *printed {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, lane := t.TempDir(), filepath.Join(t.TempDir(), "lane")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples/shop"))); err != nil {
		t.Fatal(err)
	}
	run(t, root, "go", "build", "-o", lane, "./cmd/lane")
	run(t, dir, "git", "init", "-q", "-b", "v0.3")
	run(t, dir, "git", "add", "-A")
	run(t, dir, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first")
	p := new(printed)
	for doc := range strings.SplitSeq(run(t, dir, lane, "objects", "triggers"), "\n---\n") {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatal(err)
		}
		into, known := map[string]any{
			"v1/ServiceAccount":                               new(corev1.ServiceAccount),
			"rbac.authorization.k8s.io/v1/Role":               new(rbacv1.Role),
			"rbac.authorization.k8s.io/v1/RoleBinding":        new(rbacv1.RoleBinding),
			"rbac.authorization.k8s.io/v1/ClusterRole":        new(rbacv1.ClusterRole),
			"rbac.authorization.k8s.io/v1/ClusterRoleBinding": new(rbacv1.ClusterRoleBinding),
			"triggers.tekton.dev/v1beta1/EventListener":       &p.listener,
			"triggers.tekton.dev/v1beta1/TriggerBinding":      &p.binding,
			"triggers.tekton.dev/v1beta1/TriggerTemplate":     &p.template,
		}[head.APIVersion+"/"+head.Kind]
		if !known {
			t.Errorf("lane prints a %s of %s, which this test does not know", head.Kind, head.APIVersion)
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
			t.Errorf("%s: %v", head.Kind, err)
		}
		p.kinds = append(p.kinds, head.Kind)
	}
	return p
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var out, problem strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, problem.String())
	}
	return out.String()
}

func admitted(t *testing.T, what string, o validated) {
	t.Helper()
	o.SetDefaults(t.Context())
	if err := o.Validate(apis.WithinCreate(t.Context())); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestTektonAdmitsWhatLanePrints: every field is one of the type's, and the validation
// of Tekton's webhooks takes each object and the run in the template.
func TestTektonAdmitsWhatLanePrints(t *testing.T) {
	p := prints(t)
	if len(p.kinds) != 8 {
		t.Errorf("lane prints %q", p.kinds)
	}
	admitted(t, "EventListener", &p.listener)
	admitted(t, "TriggerBinding", &p.binding)
	admitted(t, "TriggerTemplate", &p.template)

	// And does not take everything.
	p.listener.Spec.Triggers[0].Template = nil
	if err := p.listener.Validate(t.Context()); err == nil {
		t.Error("a listener without a template is admitted")
	}
}

// secrets gives the webhook's secret to whoever asks for it as lane's listener does.
type secrets struct{ t *testing.T }

func (s secrets) Get(_ context.Context, namespace string, ref *v1beta1.SecretRef) ([]byte, error) {
	if namespace != "shop-ci" || ref.SecretName != "shop-v03-webhook" || ref.SecretKey != "secretToken" {
		s.t.Errorf("asks for %+v in %s", ref, namespace)
	}
	return []byte(secret), nil
}

// pushed sends a push through the listener's interceptors, binding and template. It
// gives the run, or why there is none.
func (p *printed) pushed(t *testing.T, key, event, body string) (*pipelinev1.PipelineRun, string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	header := http.Header{"X-Github-Event": {event}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}, "Content-Type": {"application/json"}}
	trigger := p.listener.Spec.Triggers[0]
	request := &v1beta1.InterceptorRequest{
		Body: body, Header: header, Extensions: map[string]any{},
		Context: &v1beta1.TriggerContext{EventURL: "http://el-shop-v03-push", TriggerID: "namespaces/shop-ci/triggers/push"},
	}
	for _, i := range trigger.Interceptors {
		interceptor, known := map[string]v1beta1.InterceptorInterface{
			"github": github.NewInterceptor(secrets{t}), "cel": cel.NewInterceptor(secrets{t}),
		}[i.Ref.Name]
		if !known || i.Ref.Kind != v1beta1.ClusterInterceptorKind {
			t.Fatalf("no interceptor %s %s", i.Ref.Kind, i.Ref.Name)
		}
		request.InterceptorParams = map[string]any{}
		for _, param := range i.Params {
			var v any
			if err := json.Unmarshal(param.Value.Raw, &v); err != nil {
				t.Fatal(err)
			}
			request.InterceptorParams[param.Name] = v
		}
		answer := interceptor.Process(t.Context(), request)
		if !answer.Continue {
			return nil, *i.Name + ": " + answer.Status.Message
		}
		maps.Copy(request.Extensions, answer.Extensions)
	}
	resolved, err := template.ResolveTrigger(
		v1beta1.Trigger{Spec: v1beta1.TriggerSpec{Bindings: trigger.Bindings, Template: *trigger.Template}},
		func(name string) (*v1beta1.TriggerBinding, error) { return &p.binding, named(name, p.binding.Name) }, nil,
		func(name string) (*v1beta1.TriggerTemplate, error) { return &p.template, named(name, p.template.Name) })
	if err != nil {
		t.Fatal(err)
	}
	params, err := template.ResolveParams(resolved, []byte(body), header, request.Extensions, template.NewTriggerContext("1"))
	if err != nil {
		t.Fatal(err)
	}
	made := template.ResolveResources(resolved.TriggerTemplate, params)
	if len(made) != 1 {
		t.Fatalf("%d objects are made", len(made))
	}
	r := new(pipelinev1.PipelineRun)
	if err := yaml.UnmarshalStrict(made[0], r); err != nil {
		t.Fatal(err)
	}
	return r, ""
}

func named(name, want string) error {
	if name != want {
		return fmt.Errorf("there is no %s", name)
	}
	return nil
}

func push(ref, url, after string, deleted bool) string {
	return fmt.Sprintf(`{"ref": %q, "after": %q, "deleted": %v, "repository": {"clone_url": %q, "ssh_url": "git@git.example.com:shop/shop.git"}}`, ref, after, deleted, url)
}

// TestE1_APushBecomesTheRun: a signed push to the source branch becomes the commit's first
// run, which Tekton admits; anything else becomes nothing.
func TestE1_APushBecomesTheRun(t *testing.T) {
	const url, ref = "https://git.example.com/shop/shop.git", "refs/heads/v0.3"
	p := prints(t)
	r, why := p.pushed(t, secret, "push", push(ref, url, commit, false))
	if r == nil {
		t.Fatal(why)
	}
	if want := "shop-v03-ci-" + commit[:12] + "-1"; r.Name != want || r.Namespace != "shop-ci" || len(r.Spec.Params) != 1 || r.Spec.Params[0].Value.StringVal != commit {
		t.Errorf("run %s/%s with %+v", r.Namespace, r.Name, r.Spec.Params)
	}
	admitted(t, "PipelineRun", r)

	for name, tt := range map[string]struct{ key, event, body, says string }{
		"another key":        {"x", "push", push(ref, url, commit, false), "signed: "},
		"another event":      {secret, "ping", push(ref, url, commit, false), "signed: "},
		"another branch":     {secret, "push", push("refs/heads/v0.4", url, commit, false), "branch and repository: "},
		"a tag of the name":  {secret, "push", push("refs/tags/v0.3", url, commit, false), "branch and repository: "},
		"another repository": {secret, "push", push(ref, "https://git.example.com/shop/fork.git", commit, false), "branch and repository: "},
		"a deleted branch":   {secret, "push", push(ref, url, strings.Repeat("0", 40), true), "branch and repository: "},
		"no commit":          {secret, "push", push(ref, url, "$(params.x)", false), "branch and repository: "},
		"a body without ref": {secret, "push", `{"zen": "x"}`, "branch and repository: "},
	} {
		if r, why := p.pushed(t, tt.key, tt.event, tt.body); r != nil || !strings.HasPrefix(why, tt.says) {
			t.Errorf("%s: %v, %q", name, r != nil, why)
		}
	}
}
