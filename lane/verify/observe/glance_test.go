package observe_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
	"github.com/pikasTech/agentrun/lane/verify"
	"github.com/pikasTech/agentrun/lane/verify/observe"
)

type object = map[string]any

// rolled is a lane of one service after its rollout: a branch on a real remote, and a
// cluster of which a test may change what it likes.
type rolled struct {
	*line
	observe.Observer
	files   map[string][]byte // of the branch
	objects map[string]object // by kind and name
	refused map[string]bool   // paths that are forbidden
}

// resources is where the lists of the kinds are.
var resources = map[string]string{
	"Pod": ns + "/pods", "Service": ns + "/services", "ConfigMap": ns + "/configmaps", "ServiceAccount": ns + "/serviceaccounts",
	"PersistentVolumeClaim": ns + "/persistentvolumeclaims", "Deployment": "/apis/apps/v1/namespaces/shop-v03/deployments",
	"Job": "/apis/batch/v1/namespaces/shop-v03/jobs", "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/shop-v03/networkpolicies",
	"Role":        "/apis/rbac.authorization.k8s.io/v1/namespaces/shop-v03/roles",
	"RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/shop-v03/rolebindings",
}

func rollOut(t *testing.T) *rolled {
	t.Helper()
	r := &rolled{objects: map[string]object{}, refused: map[string]bool{}}
	l, remote := newLine(t)
	r.line = l
	script := kubetest.Script{}
	for kind, path := range resources {
		script["GET "+path] = []http.HandlerFunc{r.answer(path, func() any {
			items := []object{}
			for _, id := range slices.Sorted(maps.Keys(r.objects)) { // as the API server lists them
				if o := r.objects[id]; o["kind"] == kind {
					items = append(items, o)
				}
			}
			return object{"apiVersion": "v1", "kind": kind + "List", "metadata": object{"resourceVersion": fmt.Sprint(time.Now().UnixNano())}, "items": items}
		})}
	}
	for path, id := range map[string]string{
		ns: "Namespace/shop-v03",
		"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop-k7-v03": "Application/shop-k7-v03",
		"/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/shop-v03":     "AppProject/shop-v03",
	} {
		script["GET "+path] = []http.HandlerFunc{r.answer(path, func() any { return r.objects[id] })}
	}
	script["GET /apis/tekton.dev/v1/namespaces/shop-ci/pipelineruns"] = []http.HandlerFunc{kubetest.Object(`{"apiVersion":"tekton.dev/v1","kind":"PipelineRunList","metadata":{},"items":[]}`)}
	r.Observer = observer(t, script)
	r.Registry.Tries = 1
	r.Branch, r.Steady, r.Program = remote.Branch, filepath.Join(t.TempDir(), "status.memo"), "a build"
	r.release()
	return r
}

// answer answers with what there is now.
func (r *rolled) answer(path string, now func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if r.refused[path] {
			kubetest.Status(http.StatusForbidden, "Forbidden", "no", "")(w, req)
			return
		}
		data, err := json.Marshal(now(), json.Deterministic(true))
		if err != nil {
			r.Error(err)
		}
		kubetest.Object(string(data))(w, req)
	}
}

func (r *rolled) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// release makes the source, the branch and what both bring about.
func (r *rolled) release() {
	r.Helper()
	written, err := canon.Marshal(&intent.Intent{
		APIVersion: intent.APIVersion, Kind: intent.Kind, Project: "shop", Lane: "v0.3",
		Cluster:  intent.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"},
		Source:   intent.Source{Repository: "https://git.example/shop.git"},
		Registry: intent.Registry{Address: "127.0.0.1:5000", Insecure: true},
		CI:       intent.CI{Namespace: "shop-ci"},
		Services: []intent.Service{{
			ID: "api", Kind: intent.Deployment, Enabled: true, Build: intent.Build{Go: "./cmd/api"}, Replicas: new(2),
			Ports: []intent.Port{{Name: "http", Port: 8080}}, Health: &intent.Health{Live: "/healthz", Ready: "/readyz"},
		}},
	})
	r.must(err)
	in, err := intent.Parse(intent.Path, written)
	r.must(err)
	source, err := r.Repo.WriteCommit(r.Context(), git.NewCommit{
		Put: map[string][]byte{intent.Path: written}, Message: "first\n", By: git.Signature{Name: "a", Email: "a@b", When: time.Unix(1700000000, 0)},
	})
	r.must(err)
	if out, err := exec.Command("git", "--git-dir="+r.Repo.GitDir, "push", "-q", r.line.repo.GitDir, source+":"+r.Observer.Names.SourceRef()).CombinedOutput(); err != nil {
		r.Fatalf("%v: %s", err, out)
	}
	c := catalog.Empty(r.Observer.Names, source, canon.Digest(nil))
	c.Services = []catalog.Service{{
		ServiceID: "api", Status: catalog.Published, SourceCommitID: source, ComponentIdentity: canon.Digest(nil),
		Image: catalog.Image{Repository: r.Observer.Names.Repository("api"), Tag: source, Digest: canon.Digest([]byte("api")), MediaType: publish.MediaType},
	}}
	tree, err := render.Render(in, r.Observer.Names, c)
	r.must(err)
	c.RenderDigest = tree.Digest()
	data, err := c.Encode()
	r.must(err)
	r.files = map[string][]byte{r.Observer.Names.ArtifactCatalog: data}
	maps.Copy(r.files, tree)
	r.promoted()
	for _, file := range tree.Paths() {
		for doc := range strings.SplitSeq(string(tree[file]), "\n---\n") {
			var o object
			r.must(yaml.Unmarshal([]byte(doc), &o))
			r.born(o, "argocd-controller")
		}
	}
	for _, kind := range []string{"Application", "AppProject"} {
		name := map[string]string{"Application": r.Observer.Names.ArgoApplication, "AppProject": r.Observer.Names.ArgoAppProject}[kind]
		r.born(object{"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": object{"name": name}, "spec": object{}}, "lane")
	}
}

func (r *rolled) born(o object, manager string) {
	m := o["metadata"].(object)
	m["managedFields"] = []any{object{"manager": manager, "time": "2026-01-02T03:00:00Z", "fieldsV1": object{"f:spec": object{"f:x": object{}}}}}
	r.objects[o["kind"].(string)+"/"+m["name"].(string)] = o
}

// promoted puts the files on the branch.
func (r *rolled) promoted() {
	r.Helper()
	id, err := r.line.repo.WriteCommit(r.Context(), git.NewCommit{
		Put: r.files, Message: "promote\n", By: git.Signature{Name: "lane", Email: "lane@shop", When: time.Unix(1700000000, 0)},
	})
	r.must(err)
	if out, err := exec.Command("git", "--git-dir="+r.line.repo.GitDir, "update-ref", r.Observer.Names.GitopsRef(), id).CombinedOutput(); err != nil {
		r.Fatalf("%v: %s", err, out)
	}
}

// glance is what lane status shows.
func (r *rolled) glance(o observe.Observer) verify.Status {
	r.Helper()
	e, err := o.Glance(r.Context())
	r.must(err)
	return verify.StatusOf(e)
}

// looked is the status of who looks at everything, but for what it says that it did not
// see: it looks for more.
func (r *rolled) looked() verify.Status {
	r.Helper()
	e, err := r.Observe(r.Context())
	r.must(err)
	s := verify.StatusOf(e)
	s.Unseen = nil
	return s
}

// TestAGlanceShowsWhatIs: whatever changed since the last one, a status is the one of who
// looks at everything, also the second time, when it is remembered.
func TestAGlanceShowsWhatIs(t *testing.T) {
	r := rollOut(t)
	api := func() object { return r.objects["Deployment/api"] }
	service := r.objects["Service/api"]
	replicas := func(n int) { api()["spec"].(object)["replicas"] = float64(n) }
	by := func(id, manager string) {
		r.objects[id]["metadata"].(object)["managedFields"].([]any)[0].(object)["manager"] = manager
	}
	manifest := ""
	for path, data := range r.files {
		if strings.Contains(string(data), "kind: Deployment") {
			manifest = path
		}
	}
	was := r.files[manifest]
	hotfix := metadata.HotfixPath(r.Observer.Names, "more")
	for _, step := range []struct {
		name  string
		do    func()
		drift string
	}{
		{"as it was released", func() {}, "0"},
		{"scaled by hand", func() { replicas(3) }, "1"},
		{"and back", func() { replicas(2) }, "0"},
		{"a Service deleted", func() { delete(r.objects, "Service/api") }, "1"},
		{"and back", func() { r.objects["Service/api"] = service }, "0"},
		{"a Deployment written by a hand", func() { by("Deployment/api", "kubectl-edit") }, "1"},
		{"and an Application", func() { by("Application/shop-k7-v03", "kubectl-edit") }, "2"},
		{"and back", func() { by("Deployment/api", "argocd-controller"); by("Application/shop-k7-v03", "lane") }, "0"},
		{"what Argo CD says of itself", func() { r.objects["Application/shop-k7-v03"]["status"] = object{"sync": object{"status": "Synced"}} }, "0"},
		{"the branch edited by hand", func() {
			r.files[manifest] = bytes.Replace(was, []byte("replicas: 2"), []byte("replicas: 5"), 1)
			r.promoted()
		}, "1"},
		{"and back", func() { r.files[manifest] = was; r.promoted() }, "0"},
		{"a hotfix that is recorded", func() {
			replicas(3)
			r.files[hotfix] = recorded(t, r.Observer.Names, r.Now().Add(time.Hour))
			r.promoted()
		}, "0"},
		{"and over", func() { now := r.Now().Add(2 * time.Hour); r.Now = func() time.Time { return now } }, "1"},
		{"the hotfix ended, and the branch edited", func() {
			replicas(2)
			delete(r.files, hotfix)
			r.files[manifest] = bytes.Replace(was, []byte("replicas: 2"), []byte("replicas: 5"), 1)
			r.promoted()
		}, "1"},
		{"drift that is seen beside a list that is not", func() { r.refused[resources["Role"]] = true }, "1"},
		{"the AppProject kept from sight, too, and no drift that is seen", func() {
			r.refused["/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/shop-v03"] = true
			r.files[manifest] = was
			r.promoted()
		}, "unknown"},
		{"no cluster, and the branch edited", func() {
			r.Kube, r.NoKube = nil, errors.New("no such kubeconfig")
			r.files[manifest] = bytes.Replace(was, []byte("replicas: 2"), []byte("replicas: 5"), 1)
			r.promoted()
		}, "unknown"},
		{"no released commit in the clone", func() {
			var err error
			r.Repo, err = git.Create(t.Context(), filepath.Join(t.TempDir(), "empty.git"))
			r.must(err)
		}, "unknown"},
	} {
		step.do()
		want := r.looked()
		if got := want.Drift; got == nil && step.drift != "unknown" || got != nil && fmt.Sprint(*got) != step.drift {
			t.Errorf("%s: the drift is %v, not %s", step.name, got, step.drift)
		}
		for _, time := range []string{"first", "second"} {
			got := r.glance(r.Observer)
			if (step.drift == "unknown") != (len(got.Unseen) > 0) && !strings.Contains(step.name, "beside") {
				t.Errorf("%s, the %s time: it has not seen %q", step.name, time, got.Unseen)
			}
			got.Unseen = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, the %s time: %s", step.name, time, diff)
			}
		}
	}
}

// recorded is the record of a hotfix to the replicas of api.
func recorded(t *testing.T, n names.Names, expires time.Time) []byte {
	t.Helper()
	data, err := (&metadata.Hotfix{
		APIVersion: intent.APIVersion, Kind: metadata.HotfixKind, Project: n.Project, Lane: n.Lane, Name: "more", Issue: "#12", Reason: "the queue is full",
		Scope:   []metadata.Scope{{Object: "Deployment/api", Fields: []string{"spec.replicas"}}},
		WayBack: "scale to 2", FollowUp: "#13", By: "an operator",
		RecordedAt: expires.Add(-time.Hour).UTC().Format(time.RFC3339), ExpiresAt: expires.UTC().Format(time.RFC3339),
	}).Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAGlanceRemembers: what was found in the same is not looked for again, except by
// another build.
func TestAGlanceRemembers(t *testing.T) {
	r := rollOut(t)
	if s := r.glance(r.Observer); s.Drift == nil || *s.Drift != 0 || s.Services[0].Wanted != 2 {
		t.Fatalf("%+v", s)
	}
	// Whether it was read only another content of the memory tells.
	data, err := os.ReadFile(r.Steady)
	r.must(err)
	magic, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(body) < sha256.Size || bytes.Count(body, []byte(`{"drift":0}`)) != 1 {
		t.Fatalf("the memory is %q", data)
	}
	body = bytes.Replace(body[sha256.Size:], []byte(`{"drift":0}`), []byte(`{"drift":7}`), 1)
	sum := sha256.Sum256(body)
	r.must(os.WriteFile(r.Steady, bytes.Join([][]byte{magic, []byte("\n"), sum[:], body}, nil), 0o600))
	if s := r.glance(r.Observer); s.Drift == nil || *s.Drift != 7 {
		t.Errorf("what is remembered is not what is told: %+v", s)
	}
	other := r.Observer
	other.Program = "another build"
	if s := r.glance(other); s.Drift == nil || *s.Drift != 0 {
		t.Errorf("another build believes it: %v", s.Drift)
	}
	r.must(os.WriteFile(r.Steady, data[:len(data)-1], 0o600))
	if s := r.glance(r.Observer); s.Drift == nil || *s.Drift != 0 {
		t.Errorf("a memory that is cut off: %v", s.Drift)
	}
}
