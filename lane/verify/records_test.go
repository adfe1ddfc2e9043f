package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/verify"
)

// keep puts a document among the lane's metadata.
func keep(t *testing.T, e *verify.Evidence, path string, doc interface {
	Encode(n names.Names) ([]byte, error)
},
) {
	t.Helper()
	data, err := doc.Encode(e.Names)
	if err != nil {
		t.Fatal(err)
	}
	e.Gitops.Value.Files[path] = data
}

// hotfix records that fields of an object may differ until a time.
func hotfix(t *testing.T, e *verify.Evidence, until time.Time, object string, fields ...string) {
	t.Helper()
	x := &metadata.Hotfix{
		APIVersion: names.APIVersion, Kind: metadata.HotfixKind, Project: e.Names.Project, Lane: e.Names.Lane,
		Name: strings.ToLower(strings.ReplaceAll(object, "/", "-")), Issue: "#12", Reason: "the queue is full",
		Scope: []metadata.Scope{{Object: object, Fields: fields}}, WayBack: "scale back", FollowUp: "#13", By: "Ada",
		RecordedAt: metadata.Stamp(now.Add(-24 * time.Hour)), ExpiresAt: metadata.Stamp(until),
	}
	keep(t, e, metadata.HotfixPath(e.Names, x.Name), x)
}

// scaled is what kubectl scale and a paused Application leave behind.
func scaled(t *testing.T, e *verify.Evidence) {
	t.Helper()
	d := find(t, e, "Deployment", "api")
	set(d, float64(3), "spec", "replicas")
	for _, field := range []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"} {
		set(d, float64(3), "status", field)
	}
	hand(d, "kubectl", map[string]any{"f:spec": map[string]any{"f:replicas": map[string]any{}}})
	app := e.Argo.Application.Value
	set(app, "OutOfSync", "status", "sync", "status")
	set(app, nil, "spec", "syncPolicy", "automated")
	hand(app, "kubectl-patch", map[string]any{"f:spec": map[string]any{"f:syncPolicy": map[string]any{"f:automated": map[string]any{}}}})
}

func hand(o verify.Object, manager string, fields map[string]any) {
	set(o, append(o.At("metadata", "managedFields").([]any), map[string]any{"manager": manager, "time": written, "fieldsV1": fields}), "metadata", "managedFields")
}

func TestH3_TakesWhatALiveRecordCovers(t *testing.T) {
	e := accepted(t)
	scaled(t, &e)
	hotfix(t, &e, now.Add(time.Second), "Deployment/api", "spec.replicas")
	hotfix(t, &e, now.Add(time.Second), "Application/"+e.Names.ArgoApplication, "spec.syncPolicy.automated")
	v := verify.Judge(e)
	out := text(t, v)
	if !v.Accepted {
		t.Fatal(out)
	}
	for _, want := range []string{
		"Deployment api: spec.replicas is 3, not 2: hotfix deployment-api of #12 by Ada until 2026-01-02T03:04:06Z: the queue is full",
		"kubectl wrote spec.replicas: hotfix deployment-api",
		"spec.syncPolicy.automated is off, not on",
		"OutOfSync, by recorded hotfixes alone",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestH3_ContradictsWhatNoLiveRecordCovers: neither without a record, nor beside its
// scope, nor after its end.
func TestH3_ContradictsWhatNoLiveRecordCovers(t *testing.T) {
	paused := func(e *verify.Evidence) {
		hotfix(t, e, now.Add(time.Hour), "Application/"+e.Names.ArgoApplication, "spec.syncPolicy.automated")
	}
	tampered(t, "E7 H2 H3 I4 I8", "no record", func(e *verify.Evidence) { scaled(t, e) })
	tampered(t, "H2 H3 I4 I8", "another object", func(e *verify.Evidence) {
		scaled(t, e)
		paused(e)
		hotfix(t, e, now.Add(time.Hour), "Deployment/web", "spec.replicas")
	})
	tampered(t, "H2 H3 I4 I8", "another field", func(e *verify.Evidence) {
		scaled(t, e)
		paused(e)
		hotfix(t, e, now.Add(time.Hour), "Deployment/api", "spec.template")
	})
	tampered(t, "H3 I4", "one field more", func(e *verify.Evidence) {
		scaled(t, e)
		paused(e)
		hotfix(t, e, now.Add(time.Hour), "Deployment/api", "spec.replicas")
		set(find(t, e, "ConfigMap", "shop-v03-greeting"), "bye", "data", "text")
	})
	tampered(t, "H2 H3 I4 I8", "expired", func(e *verify.Evidence) {
		scaled(t, e)
		paused(e)
		hotfix(t, e, now, "Deployment/api", "spec.replicas")
	})
	tampered(t, "H3", "no document", func(e *verify.Evidence) {
		e.Gitops.Value.Files[metadata.HotfixPath(e.Names, "mine")] = []byte(`{"scope": "everything"}`)
	})

	e := accepted(t)
	scaled(t, &e)
	hotfix(t, &e, now, "Deployment/api", "spec.replicas")
	if out := text(t, verify.Judge(e)); strings.Count(out, "expired: hotfix deployment-api of #12 by Ada until 2026-01-02T03:04:05Z") != 2 {
		t.Errorf("H2 and H3 do not name the expired record:\n%s", out)
	}
}

// TestH2_TakesWhatALiveRecordCovers: a container is named in the scope as in a diff.
func TestH2_TakesWhatALiveRecordCovers(t *testing.T) {
	e := accepted(t)
	env := map[string]any{"f:spec": map[string]any{"f:template": map[string]any{"f:spec": map[string]any{"f:containers": map[string]any{
		`k:{"name":"api"}`: map[string]any{"f:env": map[string]any{`k:{"name":"MOOD"}`: map[string]any{"f:value": map[string]any{}}}},
	}}}}}
	hand(find(t, &e, "Deployment", "api"), "kubectl-set", env)
	hotfix(t, &e, now.Add(time.Hour), "Deployment/api", "spec.template.spec.containers[api].env[MOOD]")
	if v := verify.Judge(e); !v.Accepted || !strings.Contains(text(t, v), "kubectl-set wrote spec.template.spec.containers[api].env[MOOD].value: hotfix") {
		t.Error(text(t, v))
	}
	hand(find(t, &e, "Deployment", "api"), "kubectl-set", map[string]any{"f:spec": map[string]any{"f:paused": map[string]any{}}})
	if out := text(t, verify.Judge(e)); !strings.Contains(out, "managedFields[kubectl-set]: spec.paused since") {
		t.Error(out)
	}
}

// TestHoldsAreShown, and contradict nothing.
func TestHoldsAreShown(t *testing.T) {
	for until, want := range map[time.Time]string{
		{}:                 "the lane is held at aaaaaaaaaaaa by Ada since 2026-01-02T02:04:05Z: the api loses orders",
		now.Add(time.Hour): "the lane is held at aaaaaaaaaaaa by Ada since 2026-01-02T02:04:05Z until 2026-01-02T04:04:05Z: ",
		now:                "the lane is no longer held at aaaaaaaaaaaa",
	} {
		e := accepted(t)
		keep(t, &e, metadata.HoldPath(e.Names), metadata.NewHold(e.Names, commit, "Ada", "the api loses orders", now.Add(-time.Hour), until))
		v := verify.Judge(e)
		if out := text(t, v); !v.Accepted || !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
		var s strings.Builder
		if err := verify.StatusOf(e).Text(&s); err != nil || !strings.Contains(s.String(), "held at aaaaaaaaaaaa") {
			t.Errorf("%v\n%s", err, s.String())
		}
	}
	tampered(t, "C3", "a hold that is none", func(e *verify.Evidence) {
		e.Gitops.Value.Files[metadata.HoldPath(e.Names)] = []byte("stop\n")
	})
}
