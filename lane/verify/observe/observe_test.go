package observe_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/verify"
	"github.com/pikasTech/agentrun/lane/verify/observe"
)

const ns = "/api/v1/namespaces/shop-v03"

// observer asks a cluster with a script, and a git remote that is not there.
func observer(t *testing.T, script kubetest.Script) observe.Observer {
	t.Helper()
	srv := kubetest.Start(script, func(string) {}) // what the script does not speak of is answered with 418
	t.Cleanup(srv.Close)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(config, srv.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: config, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(client.Close)
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	repo, err := git.Create(t.Context(), filepath.Join(t.TempDir(), "source.git"))
	if err != nil {
		t.Fatal(err)
	}
	none := errors.New("nobody should ask")
	return observe.Observer{
		Names: n, Intent: &intent.Intent{}, Kube: client, Registry: registry.New(true), Address: "127.0.0.1:1", Repo: repo,
		Branch:   promote.Branch{Names: n, Remote: git.Remote{URL: filepath.Join(t.TempDir(), "none.git")}, Cache: t.TempDir()},
		Ancestor: func(context.Context, string, string) (bool, error) { return false, none },
		Check:    func(context.Context, string) (fail.Findings, error) { return nil, none },
		Tekton:   func(context.Context, string) ([]pipeline.Object, error) { return nil, none },
		Host:     "elsewhere", Now: func() time.Time { return time.Unix(1767323045, 0) },
	}
}

func see(t *testing.T, o observe.Observer) verify.Evidence {
	t.Helper()
	e, err := o.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v := verify.Judge(e); v.Accepted || v.Unknown == 0 {
		t.Errorf("a broken cluster is accepted, or known")
	}
	return e
}

func list(t *testing.T, e verify.Evidence, kind string) verify.Seen[[]verify.Object] {
	t.Helper()
	for _, l := range e.Live.Lists {
		if l.Kind == kind {
			return l.Objects
		}
	}
	t.Fatalf("no list of %s", kind)
	return verify.Seen[[]verify.Object]{}
}

func TestI9_EachFaultIsToldApart(t *testing.T) {
	forbidden := kubetest.Status(http.StatusForbidden, "Forbidden", `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "shop-v03"`, `{"kind":"pods"}`)
	o := observer(t, kubetest.Script{
		"GET " + ns:               {kubetest.Object(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop-v03"},"status":{"phase":"Active"}}`)},
		"GET " + ns + "/pods":     {forbidden},
		"GET " + ns + "/services": {kubetest.Drop},
		"GET /apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop-k7-v03": {
			kubetest.Status(http.StatusNotFound, "NotFound", `applications.argoproj.io "shop-k7-v03" not found`, `{"name":"shop-k7-v03","group":"argoproj.io","kind":"applications"}`),
		},
		"GET /apis/tekton.dev/v1/namespaces/shop-ci/pipelineruns": {kubetest.NoPath},
		"GET /apis/tekton.dev": {kubetest.NoPath},
	})
	e := see(t, o)
	if !e.Live.Namespace.Found {
		t.Errorf("the namespace: %+v", e.Live.Namespace.Gap)
	}
	for _, tt := range []struct {
		what string
		got  verify.Gap
		want verify.Cause
		says string
	}{
		{"pods", list(t, e, "Pod").Gap, verify.Forbidden, "may not list pods in namespace shop-v03"},
		{"logs", e.Live.Logs.Gap, verify.Forbidden, "may not list pods"},
		{"services", list(t, e, "Service").Gap, verify.Unreachable, "services"},
		{"secrets", list(t, e, "Secret").Gap, verify.Failed, "418"},
		{"application", e.Argo.Application.Gap, verify.Absent, "no such object"},
		{"pipelineruns", e.Tekton.Runs.Gap, verify.NoKind, "does not serve pipelineruns.tekton.dev"},
		{"branch", e.Gitops.Gap, verify.Failed, "none.git"},
		{"worktree", e.Worktree.Gap, verify.Elsewhere, "it is on K7, and this is elsewhere"},
	} {
		if tt.got.Cause != tt.want || !strings.Contains(tt.got.Why, tt.says) {
			t.Errorf("%s: %q %q, want %q saying %q", tt.what, tt.got.Cause, tt.got.Why, tt.want, tt.says)
		}
		if tt.got.Hint == "" && tt.want != verify.Failed {
			t.Errorf("%s: no hint", tt.what)
		}
	}
	// That the Application is not there is seen, and so contradicts.
	if f, _ := verify.Judge(e).Finding("E7"); f.State != verify.Contradicted {
		t.Errorf("E7 is %s", f.State)
	}
}

func TestC4_LogsOfFailedContainersHoldNoCredential(t *testing.T) {
	pod := `{"metadata":{"name":"api-1","namespace":"shop-v03"},"status":{"containerStatuses":[
		{"name":"api","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":2,"reason":"Error"}}},
		{"name":"done","state":{"terminated":{"exitCode":0}}}]}}`
	secret := fake.GitHubToken()
	o := observer(t, kubetest.Script{
		"GET " + ns + "/pods": {kubetest.Object(`{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[` + pod + `]}`)},
		"GET " + ns + "/pods/api-1/log": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("previous") != "true" || r.URL.Query().Get("container") != "api" {
				t.Errorf("asks for %s", r.URL.RawQuery)
			}
			_, _ = w.Write([]byte("starting\x1b[31m\ntoken " + secret + "\nmore of it\n"))
		}},
	})
	e := see(t, o)
	if !e.Live.Logs.Found || len(e.Live.Logs.Value) != 1 {
		t.Fatalf("%+v", e.Live.Logs)
	}
	l := e.Live.Logs.Value[0]
	all := strings.Join(l.Lines, "\n")
	if l.ExitCode != 2 || !strings.HasPrefix(all, "starting?[31m\n(withheld") || strings.Contains(all, secret) || strings.Contains(all, "more of it") {
		t.Errorf("%+v", l)
	}
}

func TestI9_WithoutAClusterAllOfItIsUnreachable(t *testing.T) {
	o := observer(t, kubetest.Script{"GET " + ns: {kubetest.Status(404, "NotFound", "not found", "")}})
	_, absent := o.Kube.Get(t.Context(), schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "", "shop-v03")
	if !kube.IsNotFound(absent) {
		t.Fatal(absent)
	}
	o.Kube = nil
	for _, why := range []error{errors.New("no kubeconfig"), absent} {
		o.NoKube = why
		e := see(t, o)
		for _, g := range []verify.Gap{e.Live.Namespace.Gap, e.Live.Events.Gap, e.Live.Logs.Gap, e.Argo.Application.Gap, e.Tekton.Runs.Gap, e.Tekton.Workloads.Gap, list(t, e, "Pod").Gap} {
			if g.Cause != verify.Unreachable || g.Why != why.Error() {
				t.Errorf("%+v", g)
			}
		}
	}
}

func TestObserveEndsWithItsContext(t *testing.T) {
	o := observer(t, kubetest.Script{"GET " + ns + "/pods": {kubetest.Hang}})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := o.Observe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestI1_ReadsTheWorktree(t *testing.T) {
	o := observer(t, kubetest.Script{})
	o.Worktree = o.Repo.GitDir
	if e := see(t, o); e.Worktree.Found || !strings.Contains(e.Worktree.Gap.Why, "bare") {
		t.Errorf("a bare repository: %+v", e.Worktree)
	}
	o.Worktree, o.Host = "", "k7.example.com"
	if e := see(t, o); e.Worktree.Found || !strings.Contains(e.Worktree.Gap.Why, "/srv/shop-v03") {
		t.Errorf("on its host it is looked for where the names say: %+v", e.Worktree)
	}
}

// TestI9_AWorktreeOfOnesOwnIsAClue: any clone can be clean and at the branch's head, on
// any machine.
func TestI9_AWorktreeOfOnesOwnIsAClue(t *testing.T) {
	o := observer(t, kubetest.Script{})
	clone := t.TempDir()
	given := []string{"another clue", "one more"}[:1]
	for _, tt := range []struct {
		name, host, worktree, clue string
	}{
		{"another folder on its host", "K7", clone, "the worktree K7:" + clone + " is not the lane's own, K7:/srv/shop-v03"},
		{"another folder of another machine", "laptop", clone, "the worktree laptop:" + clone + " is not the lane's own, K7:/srv/shop-v03"},
		{"the same folder of another machine", "laptop", "/srv/shop-v03", "the worktree laptop:/srv/shop-v03 is not the lane's own, K7:/srv/shop-v03"},
		{"its own", "k7.example.com", "/srv/./shop-v03/", ""},
		{"its own, unnamed", "K7", "", ""},
		{"elsewhere, unnamed", "laptop", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o.Host, o.Worktree, o.Clues = tt.host, tt.worktree, given
			want := []string{"another clue"}
			if tt.clue != "" {
				want = append(want, tt.clue)
			}
			e := see(t, o)
			if !slices.Equal(e.Clues, want) {
				t.Errorf("clues %q, want %q", e.Clues, want)
			}
			if f, _ := verify.Judge(e).Finding("I9"); tt.clue != "" && (f.State != verify.Contradicted || !slices.ContainsFunc(f.Observations, func(ob verify.Observation) bool { return ob.Note == tt.clue })) {
				t.Errorf("it is %s, and the verdict does not say why", f.State)
			}
		})
	}
	if given[:2][1] != "one more" {
		t.Error("the observer's own clues were written to")
	}
}
