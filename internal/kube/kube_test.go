package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

var (
	runs    = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"}
	secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)

const (
	list = "/apis/tekton.dev/v1/namespaces/ci/pipelineruns"
	one  = list + "/run-1"
)

// connect starts a server with a script and signs in to it.
func connect(t *testing.T, script kubetest.Script) (*kube.Client, *kubetest.Server) {
	t.Helper()
	srv := kubetest.Start(script, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(srv.Close)
	c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: write(t, string(srv.Kubeconfig)), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(c.Close)
	return c, srv
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// told checks an error's shape: a message, one hint, nothing that a terminal obeys.
func told(t *testing.T, err error, code fail.Code, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	hint := fail.HintOf(err)
	if got := fail.CodeOf(err); got != code {
		t.Errorf("code %d, want %d: %v", got, code, err)
	}
	if hint == "" || strings.Contains(hint, "\n") {
		t.Errorf("the hint is %q: %v", hint, err)
	}
	all := err.Error() + "\n" + hint
	if strings.Contains(all, "\x1b") || strings.Contains(err.Error(), kubetest.Token+" ") {
		t.Errorf("not clean: %q", all)
	}
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Errorf("no %q in %q", w, all)
		}
	}
}

func TestKubeconfig(t *testing.T) {
	srv := kubetest.Start(nil, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(srv.Close)
	good := string(srv.Kubeconfig)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	tests := []struct {
		name    string
		options kube.Options
		want    []string
	}{
		{"none at all", kube.Options{}, []string{"~/.kube/config", "no kubeconfig", "--kubeconfig"}},
		{"no such file", kube.Options{Kubeconfig: "/nowhere/config"}, []string{"/nowhere/config", "no such kubeconfig"}},
		{"malformed", kube.Options{Kubeconfig: write(t, "clusters: [")}, []string{"cannot be used"}},
		{"not a kubeconfig", kube.Options{Kubeconfig: write(t, "kind: Pod\napiVersion: v1\n")}, []string{"hint", "no"}[1:]},
		{"empty", kube.Options{Kubeconfig: write(t, "")}, []string{"no kubeconfig with a context"}},
		{"no such context", kube.Options{Kubeconfig: write(t, good), Context: "other"}, []string{`no context "other"`, "--context: kubetest"}},
		{"no current context", kube.Options{Kubeconfig: write(t, strings.Replace(good, "current-context: kubetest\n", "", 1))}, []string{"no current context", "--context: kubetest"}},
		{"bad certificate authority", kube.Options{Kubeconfig: write(t, strings.Replace(good, "authority-data: ", "authority-data: bm9uZQ==#", 1))}, []string{"cannot be used"}},
		{"other certificate authority", kube.Options{Kubeconfig: write(t, strings.Replace(good, "certificate-authority-data", "x", 1))}, []string{"x509", "certificate authority"}},
		{"no credential program", kube.Options{Kubeconfig: write(t, strings.Replace(good, "{token: kubetest}", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /nowhere/login, interactiveMode: Never}}", 1))}, []string{"credential program"}},
		{"nobody listens", kube.Options{Kubeconfig: write(t, strings.Replace(good, srv.URL, "https://127.0.0.1:1", 1))}, []string{"https://127.0.0.1:1", "refused", "start the cluster"}},
		{"no such host", kube.Options{Kubeconfig: write(t, strings.Replace(good, srv.URL, "https://nowhere.invalid", 1))}, []string{"nowhere.invalid"}},
		{"in no pod", kube.Options{InCluster: true}, []string{"pod"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := kube.Connect(t.Context(), tt.options)
			told(t, err, fail.Failed, tt.want...)
		})
	}
	if os.Getuid() != 0 {
		name := write(t, good)
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
		_, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: name})
		told(t, err, fail.Failed, "permission denied")
	}

	t.Setenv("KUBECONFIG", write(t, good))
	c, err := kube.Connect(t.Context(), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server != srv.URL || c.Version != "v1.34.4" || c.Context != "kubetest" {
		t.Errorf("connected to %s, Kubernetes %s, context %s", c.Server, c.Version, c.Context)
	}
}

// Answers as API servers of v1.34 with Tekton v1.6.0 give them.
const (
	messageForbidden = `pipelineruns.tekton.dev "run-1" is forbidden: User "system:serviceaccount:ci:reader" cannot get resource "pipelineruns" in API group "tekton.dev" in the namespace "ci"`
	messageWebhook   = `Internal error occurred: failed calling webhook "webhook.pipeline.tekton.dev": failed to call webhook: Post "https://tekton-pipelines-webhook.tekton-pipelines.svc:443/defaulting?timeout=10s": dial tcp 10.96.0.7:443: connect: connection refused`
	messageDenied    = "admission webhook \"validation.webhook.pipeline.tekton.dev\" denied the request: validation failed: expected exactly one, got neither: spec.pipelineRef, spec.pipelineSpec\x1b[2J"
	messageQuota     = `pods "run-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1`
)

func TestRefusals(t *testing.T) {
	passing := func(err error) bool { return kube.IsPassing(err) && kube.IsDenied(err) }
	denied := func(err error) bool { return !kube.IsPassing(err) && kube.IsDenied(err) }
	tests := []struct {
		name   string
		answer http.HandlerFunc
		is     func(error) bool
		want   []string
	}{
		{"not found", kubetest.Status(404, "NotFound", `pipelineruns.tekton.dev "run-1" not found`, `{"name":"run-1","group":"tekton.dev","kind":"pipelineruns"}`), kube.IsNotFound, []string{"pipelineruns.tekton.dev ci/run-1", "no such object"}},
		{"no namespace", kubetest.Status(404, "NotFound", `namespaces "ci" not found`, `{"name":"ci","kind":"namespaces"}`), kube.IsNotFound, []string{"no namespace ci"}},
		{"unauthorized", kubetest.Status(401, "Unauthorized", "Unauthorized", ""), kube.IsUnauthorized, []string{"401", "renew the credentials"}},
		{"forbidden", kubetest.Status(403, "Forbidden", messageForbidden, ""), kube.IsForbidden, []string{
			"may not get pipelineruns of group tekton.dev in namespace ci", "system:serviceaccount:ci:reader",
			"kubectl -n ci create role NAME --verb=get --resource=pipelineruns.tekton.dev",
		}},
		{"quota", kubetest.Status(403, "Forbidden", messageQuota, ""), passing, []string{"exceeded quota", "raise the quota"}},
		{"quota not counted", kubetest.Status(403, "Forbidden", `jobs.batch "run-1" is forbidden: status unknown for quota: small, resources: count/jobs.batch`, ""), passing, []string{"status unknown"}},
		{"quota without numbers", kubetest.Status(403, "Forbidden", `pods "run-1" is forbidden: failed quota: small: must specify limits.cpu`, ""), denied, []string{"must specify"}},
		{"terminating", kubetest.Status(403, "Forbidden", "unable to create new content in namespace ci because it is being terminated", `{"causes":[{"reason":"NamespaceTerminating","message":"x","field":"metadata.namespace"}]}`), denied, []string{"is being deleted"}},
		{"webhook down", kubetest.Status(500, "InternalError", messageWebhook, ""), passing, []string{"does not answer", "connection refused", "kubectl get pods -A"}},
		{"webhook denies", kubetest.Status(400, "BadRequest", messageDenied, ""), denied, []string{"validation failed: expected exactly one", "?[2J"}},
		{"webhook denies in others' words", kubetest.Status(403, "Forbidden", `admission webhook "a" denied the request: `+messageWebhook, ""), denied, []string{"denied the request"}},
		{"invalid", kubetest.Status(422, "Invalid", `Secret "x" is invalid: metadata.name: Invalid value`, ""), denied, []string{"metadata.name"}},
		{"conflict", kubetest.Status(409, "Conflict", "the object has been modified", ""), kube.IsConflict, []string{"somebody else changed"}},
		{"field conflict", kubetest.Status(409, "Conflict", `Apply failed with 1 conflict: conflict with "kubectl" using v1: .data`, `{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl\"","field":".data"}]}`), kube.IsConflict, []string{`"kubectl"`, "another field manager"}},
		{"exists", kubetest.Status(409, "AlreadyExists", `pipelineruns.tekton.dev "run-1" already exists`, ""), kube.IsAlreadyExists, []string{"exists already"}},
		{"broken", kubetest.Status(500, "InternalError", "etcdserver: request timed out", ""), kube.IsUnreachable, []string{"etcdserver", "500"}},
		{"gone midway", kubetest.Drop, kube.IsUnreachable, []string{"cannot get pipelineruns.tekton.dev ci/run-1"}},
		{"not JSON", kubetest.Answer(200, "<html>"), func(err error) bool { return !kube.IsNotFound(err) }, []string{"cannot get"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := connect(t, kubetest.Script{"GET " + one: {tt.answer}})
			_, err := c.Get(t.Context(), runs, "ci", "run-1")
			told(t, err, fail.Failed, tt.want...)
			if !tt.is(err) {
				t.Errorf("it is told as another kind of error: %v", err)
			}
		})
	}
}

func TestNoResource(t *testing.T) {
	groups := func(versions string) http.HandlerFunc {
		return kubetest.Object(`{"kind":"APIGroup","apiVersion":"v1","name":"tekton.dev","versions":[` + versions + `]}`)
	}
	for _, tt := range []struct {
		name  string
		group http.HandlerFunc
		want  []string
	}{
		{"not installed", kubetest.NoPath, []string{"does not serve pipelineruns.tekton.dev", "Tekton Pipelines is not installed: kubectl apply"}},
		{"another version", groups(`{"groupVersion":"tekton.dev/v1beta1","version":"v1beta1"}`), []string{"in version v1, only v1beta1", "install a release"}},
		{"half installed", groups(`{"groupVersion":"tekton.dev/v1","version":"v1"}`), []string{"serves tekton.dev/v1 without pipelineruns"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := connect(t, kubetest.Script{"GET " + one: {kubetest.NoPath}, "GET " + list: {kubetest.NoPath}, "GET /apis/tekton.dev": {tt.group}})
			_, err := c.Get(t.Context(), runs, "ci", "run-1")
			told(t, err, fail.Failed, tt.want...)
			if !kube.IsNoResource(err) || kube.IsNotFound(err) {
				t.Errorf("it is told as another kind of error: %v", err)
			}
			_, err = c.Metadata(t.Context(), runs, "ci", kube.Selection{})
			told(t, err, fail.Failed, tt.want...)
			err = c.Watch(t.Context(), runs, "ci", kube.Selection{}, func(kube.Change) error { return nil })
			told(t, err, fail.Failed, tt.want...)
		})
	}
}

func TestSlowServerAndInterruption(t *testing.T) {
	srv := kubetest.Start(kubetest.Script{"GET " + one: {kubetest.Hang}}, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: write(t, string(srv.Kubeconfig)), Later: true, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), runs, "ci", "run-1")
	told(t, err, fail.Failed, "did not answer in time")
	if !kube.IsUnreachable(err) {
		t.Errorf("it is told as another kind of error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Get(ctx, runs, "ci", "run-1"); fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("an interruption gives %d: %v", fail.CodeOf(err), err)
	}
}

func TestConnectToSomethingElse(t *testing.T) {
	srv := kubetest.Start(kubetest.Script{"GET /version": {kubetest.Object(`{"hello":"world"}`), kubetest.Answer(404, "404 page not found"), kubetest.Status(403, "Forbidden", `forbidden: User "x" cannot get path "/version"`, "")}}, func(string) {})
	t.Cleanup(srv.Close)
	name := write(t, string(srv.Kubeconfig))
	for range 2 {
		_, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: name})
		told(t, err, fail.Failed, "does not say which Kubernetes")
	}
	c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: name})
	if err != nil || c.Version != "" {
		t.Errorf("an account that may not ask for the version: %v", err)
	}
}

// object is a recorded PipelineRun, cut down.
func object(name, version string) string {
	return fmt.Sprintf(`{"apiVersion":"tekton.dev/v1","kind":"PipelineRun","metadata":{"name":%q,"namespace":"ci","uid":"u-%s","resourceVersion":%q}}`, name, name, version)
}

func listOf(version, next string, objects ...string) http.HandlerFunc {
	return kubetest.Object(fmt.Sprintf(`{"apiVersion":"tekton.dev/v1","kind":"PipelineRunList","metadata":{"resourceVersion":%q,"continue":%q},"items":[%s]}`,
		version, next, strings.Join(objects, ",")))
}

func event(kind, object string) string { return fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object) }

const gone = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 5 (9)","reason":"Expired","code":410}`

func TestListGoesByPagesAndBeginsAgain(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("labelSelector") != "lane=v0.1" || r.URL.Query().Get("limit") != "500" {
			t.Errorf("asked %s", r.URL)
		}
		switch r.URL.Query().Get("continue") {
		case "":
			listOf("5", "next", object("run-1", "1"))(w, r)
		case "next":
			listOf("6", "", object("run-2", "2"))(w, r)
		}
	}
	c, _ := connect(t, kubetest.Script{"GET " + list: {page, kubetest.Answer(410, gone), page, page}})
	got, err := c.List(t.Context(), runs, "ci", kube.Selection{Labels: "lane=v0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 2 || got.GetResourceVersion() != "6" || got.GetContinue() != "" {
		t.Errorf("%d items at %s", len(got.Items), got.GetResourceVersion())
	}

	c, _ = connect(t, kubetest.Script{"GET " + list: {listOf("5", "next", object("run-1", "1")), kubetest.Answer(410, gone)}})
	_, err = c.List(t.Context(), runs, "ci", kube.Selection{})
	told(t, err, fail.Failed, "cannot list pipelineruns.tekton.dev in ci")
}

func TestMetadataAsksForNoValues(t *testing.T) {
	c, _ := connect(t, kubetest.Script{"GET /api/v1/namespaces/ci/secrets": {func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") || strings.Contains(r.Header.Get("Accept"), ",") {
			t.Errorf("Accept is %s: the server may send whole objects", r.Header.Get("Accept"))
		}
		kubetest.Object(`{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"items":[
			{"metadata":{"name":"pg","namespace":"ci","uid":"u1","creationTimestamp":"2026-01-02T03:04:05Z","managedFields":[{"manager":"lane","operation":"Apply","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:DATABASE_URL":{}}}}]}}]}`)(w, r)
	}, listOf("1", "")}})
	got, err := c.Metadata(t.Context(), secrets, "ci", kube.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 1 || got.Items[0].Name != "pg" || got.Items[0].ManagedFields[0].Manager != "lane" || got.Items[0].CreationTimestamp.Year() != 2026 ||
		string(got.Items[0].ManagedFields[0].FieldsV1.Raw) != `{"f:data":{"f:DATABASE_URL":{}}}` {
		t.Errorf("got %+v", got.Items)
	}
	// A server that sends whole objects all the same is not read.
	if _, err = c.Metadata(t.Context(), secrets, "ci", kube.Selection{}); err == nil || !strings.Contains(err.Error(), "metadata alone") {
		t.Errorf("got %v", err)
	}
}

// errDone ends a watch.
var errDone = errors.New("done")

// follow watches until n changes were told, and writes them down.
func follow(t *testing.T, c *kube.Client, n int) []string {
	t.Helper()
	var got []string
	err := c.Watch(t.Context(), runs, "ci", kube.Selection{}, func(ch kube.Change) error {
		s := string(ch.Type)
		if ch.Object != nil {
			s += " " + ch.Object.GetName() + "@" + ch.Object.GetResourceVersion()
		}
		if got = append(got, s); len(got) == n {
			return errDone
		}
		return nil
	})
	if !errors.Is(err, errDone) {
		t.Errorf("the watch ended with %v", err)
	}
	return got
}

func TestWatchGoesOn(t *testing.T) {
	from := func(version string, answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.Query().Get("resourceVersion"); got != version || r.URL.Query().Get("watch") != "true" {
				t.Errorf("asked %s, want a watch from %s", r.URL.RawQuery, version)
			}
			answer(w, r)
		}
	}
	c, _ := connect(t, kubetest.Script{"GET " + list: {
		listOf("3", "", object("run-1", "1"), object("run-2", "2")),
		listOf("9", "", object("run-1", "4"), object("run-3", "8")), // run-2 went unseen
		listOf("12", "", object("run-1", "11")),
	}, "WATCH " + list: {
		from("3", kubetest.Stream(event("MODIFIED", object("run-1", "4")), event("BOOKMARK", object("", "5")))),
		from("5", kubetest.Drop),
		from("5", kubetest.Answer(500, "no")),
		from("5", kubetest.Stream(event("ERROR", gone))),
		from("9", kubetest.Stream(event("DELETED", object("run-3", "10")))),
		from("10", kubetest.Answer(410, gone)),
		from("12", kubetest.Open(event("ADDED", object("run-4", "13")))),
	}})
	want := []string{
		"set run-1@1", "set run-2@2", "synced", "set run-1@4",
		"set run-3@8", "deleted run-2@2", "synced", "deleted run-3@10",
		"set run-1@11", "synced", "set run-4@13",
	}
	if got := follow(t, c, len(want)); !slices.Equal(got, want) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

func TestWatchGivesUp(t *testing.T) {
	c, srv := connect(t, kubetest.Script{"GET " + list: {listOf("3", "")}, "WATCH " + list: {kubetest.Stream(), kubetest.Drop}})
	c.Patience = time.Nanosecond
	err := c.Watch(t.Context(), runs, "ci", kube.Selection{}, func(kube.Change) error { return nil })
	told(t, err, fail.Failed, "has been gone for", "watching pipelineruns.tekton.dev in ci")
	if n := len(srv.Asked()); n < 3 {
		t.Errorf("asked %d times only", n)
	}

	c, _ = connect(t, kubetest.Script{"GET " + list: {listOf("3", "")}, "WATCH " + list: {kubetest.Status(403, "Forbidden", `pipelineruns.tekton.dev is forbidden: User "x" cannot watch resource "pipelineruns" in API group "tekton.dev" in the namespace "ci"`, "")}})
	err = c.Watch(t.Context(), runs, "ci", kube.Selection{}, func(kube.Change) error { return nil })
	told(t, err, fail.Failed, "may not watch pipelineruns of group tekton.dev in namespace ci")

	c, _ = connect(t, kubetest.Script{"GET " + list: {listOf("3", "")}, "WATCH " + list: {kubetest.Open()}})
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Watch(ctx, runs, "ci", kube.Selection{}, func(kube.Change) error { cancel(); return nil })
	if fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("an interruption gives %v", err)
	}
}

func TestWrites(t *testing.T) {
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON([]byte(object("run-1", ""))); err != nil {
		t.Fatal(err)
	}
	check := func(contentType string, query map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Content-Type"); got != contentType {
				t.Errorf("%s: Content-Type %s, want %s", r.Method, got, contentType)
			}
			for k, v := range query {
				if got := r.URL.Query().Get(k); got != v {
					t.Errorf("%s: %s=%s, want %q", r.Method, k, got, v)
				}
			}
			kubetest.Object(object("run-1", "2"))(w, r)
		}
	}
	lane := map[string]string{"fieldManager": "lane", "fieldValidation": "Strict", "dryRun": ""}
	dry := map[string]string{"fieldManager": "lane", "fieldValidation": "Strict", "dryRun": "All"}
	c, _ := connect(t, kubetest.Script{
		"POST " + list: {check("application/json", lane), check("application/json", dry)},
		"PATCH " + one: {
			check("application/apply-patch+yaml", map[string]string{"fieldManager": "lane", "force": "false", "dryRun": "All"}),
			check("application/merge-patch+json", lane),
		},
		"DELETE " + one: {check("application/json", nil)},
	})
	for _, do := range []func() error{
		func() error { _, err := c.Create(t.Context(), runs, obj, kube.Write{}); return err },
		func() error { _, err := c.Create(t.Context(), runs, obj, kube.Write{DryRun: true}); return err },
		func() error { _, err := c.Apply(t.Context(), runs, obj, kube.Write{DryRun: true}); return err },
		func() error {
			_, err := c.Merge(t.Context(), runs, "ci", "run-1", map[string]any{"spec": map[string]any{"status": "x"}}, kube.Write{})
			return err
		},
		func() error { return c.Delete(t.Context(), runs, "ci", "run-1", "u", kube.Write{}) },
	} {
		if err := do(); err != nil {
			t.Error(err)
		}
	}
}

func TestLogsAndEvents(t *testing.T) {
	c, _ := connect(t, kubetest.Script{
		"GET /api/v1/namespaces/ci/pods/p/log": {func(w http.ResponseWriter, r *http.Request) {
			if q := r.URL.Query(); q.Get("container") != "step-build" || q.Get("tailLines") != "100" || q.Get("limitBytes") == "" {
				t.Errorf("asked %s", r.URL.RawQuery)
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte("one\ntwo\n"))
		}, kubetest.Status(403, "Forbidden", `pods "p" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "ci"`, "")},
		"GET /api/v1/namespaces/ci/events": {func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.Query().Get("fieldSelector"); got != "involvedObject.kind=Pod,involvedObject.name=p" {
				t.Errorf("asked for %s", got)
			}
			kubetest.Object(`{"kind":"EventList","apiVersion":"v1","metadata":{},"items":[
				{"metadata":{"name":"b"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"FailedMount","message":"no\u001b[2Jsecret","type":"Warning","count":3,"lastTimestamp":"2026-01-02T03:04:06Z"},
				{"metadata":{"name":"a"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"Scheduled","message":"ok","type":"Normal","eventTime":"2026-01-02T03:04:05.000000Z","lastTimestamp":null}]}`)(w, r)
		}},
	})
	log, err := c.Log(t.Context(), "ci", "p", kube.LogOptions{Container: "step-build"})
	if err != nil || string(log) != "one\ntwo\n" {
		t.Errorf("log %q, %v", log, err)
	}
	_, err = c.Log(t.Context(), "ci", "p", kube.LogOptions{})
	told(t, err, fail.Failed, "may not get pods/log in namespace ci", "--resource=pods/log")
	events, err := c.Events(t.Context(), "ci", "Pod", "p")
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := events[1]; !e.Warning || e.Count != 3 || e.Message != "no?[2Jsecret" || events[0].Reason != "Scheduled" {
		t.Errorf("got %+v", events)
	}
}

func TestResources(t *testing.T) {
	c, _ := connect(t, kubetest.Script{
		"GET /api": {kubetest.Object(`{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"creationTimestamp":null},"versions":[{"version":"v1","freshness":"Current","resources":[
			{"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced","singularResource":"pod","verbs":["get","list"],"subresources":[{"subresource":"log","verbs":["get"]}]}]}]}]}`), kubetest.Object(`{"kind":"APIVersions","versions":["v1"]}`)},
		"GET /apis": {kubetest.Object(`{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[
			{"metadata":{"name":"tekton.dev","creationTimestamp":null},"versions":[
				{"version":"v1","freshness":"Current","resources":[{"resource":"pipelineruns","responseKind":{"group":"tekton.dev","version":"v1","kind":"PipelineRun"},"scope":"Namespaced","verbs":["list"]}]},
				{"version":"v1beta1","freshness":"Current","resources":[{"resource":"pipelineruns","responseKind":{"group":"tekton.dev","version":"v1beta1","kind":"PipelineRun"},"scope":"Namespaced","verbs":["list"]},{"resource":"customruns","responseKind":{"group":"tekton.dev","version":"v1beta1","kind":"CustomRun"},"scope":"Namespaced","verbs":["list"]}]}]},
			{"metadata":{"name":"metrics.k8s.io","creationTimestamp":null},"versions":[{"version":"v1beta1","freshness":"Stale"}]}]}`)},
	})
	served, stale, err := c.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range served {
		got = append(got, s.GroupVersionResource.String()+" "+s.Kind+fmt.Sprint(s.Namespaced))
	}
	want := []string{"/v1, Resource=pods Podtrue", "tekton.dev/v1beta1, Resource=customruns CustomRuntrue", "tekton.dev/v1, Resource=pipelineruns PipelineRuntrue"}
	if !slices.Equal(got, want) || !slices.Equal(stale, []string{"metrics.k8s.io"}) {
		t.Errorf("served %q, stale %q", got, stale)
	}
	_, _, err = c.Resources(t.Context())
	told(t, err, fail.Failed, "1.26")
}
