package kube_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// A program other than lane writes under its own name, and nobody is asked before it
// asks for something.
func TestAnotherManager(t *testing.T) {
	const job = "/apis/batch/v1/namespaces/shop/jobs"
	jobs := schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	var agents, managers, policies []string
	note := func(w http.ResponseWriter, r *http.Request) {
		agents, managers = append(agents, r.UserAgent()), append(managers, r.URL.Query().Get("fieldManager"))
		kubetest.Answer(http.StatusCreated, `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"shop"}}`)(w, r)
	}
	remove := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		policies = append(policies, string(body))
		kubetest.Object(`{"kind":"Status","apiVersion":"v1","status":"Success"}`)(w, r)
	}
	srv := kubetest.Start(kubetest.Script{"POST " + job: {note}, "DELETE " + job + "/j": {remove}}, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(srv.Close)
	for _, name := range []string{"", "agentrun-mgr"} {
		c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: write(t, string(srv.Within("shop"))), Manager: name, Later: true})
		if err != nil {
			t.Fatal(err)
		}
		if c.Namespace != "shop" || c.Version != "" {
			t.Errorf("namespace %q, version %q", c.Namespace, c.Version)
		}
		obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "j", "namespace": "shop"}}}
		if _, err := c.Create(t.Context(), jobs, obj, kube.Write{}); err != nil {
			t.Error(err)
		}
		if err := c.Delete(t.Context(), jobs, "shop", "j", "", kube.Write{Last: name != ""}); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	if got := strings.Join(agents, " ") + " " + strings.Join(managers, " "); got != "lane agentrun-mgr lane agentrun-mgr" {
		t.Errorf("got %s", got)
	}
	if len(policies) != 2 || !strings.Contains(policies[0], `"Background"`) || !strings.Contains(policies[1], `"Foreground"`) {
		t.Errorf("got %q", policies)
	}
	for _, request := range srv.Asked() {
		if request == "GET /version" {
			t.Error("the server was asked before it was needed")
		}
	}
}

func TestIssuer(t *testing.T) {
	const about, keys = "GET /.well-known/openid-configuration", "GET /openid/v1/jwks"
	set := func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); accept != "application/jwk-set+json" {
			kubetest.Status(http.StatusNotAcceptable, "NotAcceptable", "only the type application/jwk-set+json", "")(w, r)
			return
		}
		kubetest.Object(`{"keys":[]}`)(w, r)
	}
	c, _ := connect(t, kubetest.Script{
		about: {
			kubetest.Object(`{"issuer":"https://kubernetes.default.svc","jwks_uri":"https://elsewhere.invalid/jwks"}`),
			kubetest.Object(`{"issuer":""}`), kubetest.Object(`[`), kubetest.Object(`{"issuer":"x"}`),
		},
		keys: {set, kubetest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "starting", "")},
	})
	got, err := c.Issuer(t.Context())
	if err != nil || got.Name != "https://kubernetes.default.svc" || string(got.Keys) != `{"keys":[]}` {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		_, err = c.Issuer(t.Context())
		told(t, err, fail.Failed, "does not name the issuer")
	}
	if _, err = c.Issuer(t.Context()); !kube.IsUnreachable(err) {
		t.Errorf("got %v", err)
	}
}
