package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/verify"
)

// tampered changes one thing in evidence that would be accepted, and wants exactly
// the rules to be contradicted, and none to be unknown.
func tampered(t *testing.T, rules, name string, change func(e *verify.Evidence)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		e := accepted(t)
		change(&e)
		v := verify.Judge(e)
		var want []string
		for r := range strings.FieldsSeq(rules) {
			want = append(want, r+" contradicted")
		}
		slices.Sort(want)
		if got := states(v); !slices.Equal(got, want) || v.Accepted {
			t.Errorf("got %q, want %q\n%s", got, want, text(t, v))
		}
	})
}

// set changes a member of an object; the path ends with it.
func set(o verify.Object, value any, path ...string) {
	last := len(path) - 1
	o.Map(path[:last]...)[path[last]] = value
}

func TestI3_ContradictsAMissingNamespace(t *testing.T) {
	tampered(t, "I3 H3", "not there", func(e *verify.Evidence) {
		e.Live.Namespace = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
	})
	tampered(t, "I3", "being deleted", func(e *verify.Evidence) {
		set(e.Live.Namespace.Value, "Terminating", "status", "phase")
	})
}

func TestI8_ContradictsPodsThatAreNotReady(t *testing.T) {
	tampered(t, "I8", "fewer ready", func(e *verify.Evidence) {
		set(find(t, e, "Deployment", "api"), float64(1), "status", "readyReplicas")
	})
	tampered(t, "I8", "spec not acted on", func(e *verify.Evidence) {
		set(find(t, e, "Deployment", "api"), float64(4), "metadata", "generation")
	})
	tampered(t, "I8", "a pod of an older ReplicaSet", func(e *verify.Evidence) {
		set(find(t, e, "ReplicaSet", "api-7d"), "2", "metadata", "annotations", "deployment.kubernetes.io/revision")
	})
	tampered(t, "I8", "a pod being deleted", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1"), written, "metadata", "deletionTimestamp")
	})
	tampered(t, "I8", "a Secret that is not there", func(e *verify.Evidence) {
		p := find(t, e, "Pod", "api-7d-1")
		set(p, []any{map[string]any{"type": "Ready", "status": "False"}}, "status", "conditions")
		set(p.Items("status", "containerStatuses")[0], map[string]any{"waiting": map[string]any{
			"reason": "CreateContainerConfigError", "message": `secret "shop-v03-db" not found`,
		}}, "state")
	})
	tampered(t, "I8", "nobody behind a Service", func(e *verify.Evidence) {
		set(find(t, e, "EndpointSlice", "api-x"), []any{}, "endpoints")
	})
	tampered(t, "I8", "a run that cannot start", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "mailer-x-1").Items("status", "containerStatuses")[0], map[string]any{"waiting": map[string]any{"reason": "ImagePullBackOff"}}, "state")
	})
}

func TestI8_SaysWhichSecretIsMissing(t *testing.T) {
	e := accepted(t)
	p := find(t, &e, "Pod", "api-7d-1")
	set(p, []any{map[string]any{"type": "Ready", "status": "False"}}, "status", "conditions")
	set(p.Items("status", "containerStatuses")[0], map[string]any{"waiting": map[string]any{
		"reason": "CreateContainerConfigError", "message": `secret "shop-v03-db" not found`,
	}}, "state")
	if out := text(t, verify.Judge(e)); !strings.Contains(out, `Pod api-7d-1: it is not ready: api: CreateContainerConfigError secret "shop-v03-db" not found`) {
		t.Error(out)
	}
}

// image makes the first container of a pod run another image than is pinned.
func image(t *testing.T, e *verify.Evidence, pod, id string) {
	t.Helper()
	set(find(t, e, "Pod", pod).Items("status", "containerStatuses")[0], id, "imageID")
}

func TestI8_ContradictsAnotherImage(t *testing.T) {
	tampered(t, "I8", "another digest runs", func(e *verify.Evidence) {
		image(t, e, "api-7d-1", "127.0.0.1:5000/shop/api@"+unknown)
		e.Images["shop/api@"+unknown] = verify.See(verify.Image{Config: unknown})
	})
	tampered(t, "I8", "one that the registry does not have", func(e *verify.Evidence) {
		image(t, e, "api-7d-1", "127.0.0.1:5000/shop/api@"+unknown)
		e.Images["shop/api@"+unknown] = verify.Miss[verify.Image](verify.Gap{Cause: verify.Absent})
	})
	tampered(t, "I8", "another digest is pinned", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1").Items("spec", "containers")[0], "127.0.0.1:5000/shop/api@"+unknown, "image")
	})
	tampered(t, "I8", "a container of no service", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1").Items("spec", "containers")[0], "127.0.0.1:5000/other/thing@"+unknown, "image")
	})
	tampered(t, "I8", "a run of a catalog that never was", func(e *verify.Evidence) {
		p := find(t, e, "Pod", "mailer-x-1")
		set(p.Items("spec", "containers")[0], "127.0.0.1:5000/shop/mailer@"+unknown, "image")
		image(t, e, "mailer-x-1", "127.0.0.1:5000/shop/mailer@"+unknown)
		e.Release.Earlier = verify.See(map[string]string{})
	})
}

func TestI8_TakesTheSameContent(t *testing.T) {
	for name, change := range map[string]func(e *verify.Evidence){
		"another manifest of one config": func(e *verify.Evidence) {
			image(t, e, "api-7d-1", "127.0.0.1:5000/shop/other@"+unknown)
			e.Images["shop/other@"+unknown] = verify.See(verify.Image{Config: config1})
		},
		"with the runtime's prefix": func(e *verify.Evidence) {
			image(t, e, "api-7d-1", "docker-pullable://127.0.0.1:5000/shop/api@"+apiImage)
		},
		"a run of an earlier catalog": func(e *verify.Evidence) {
			set(find(t, e, "Pod", "mailer-x-1").Items("spec", "containers")[0], "127.0.0.1:5000/shop/mailer@"+unknown, "image")
			image(t, e, "mailer-x-1", "127.0.0.1:5000/shop/mailer@"+unknown)
			e.Release.Earlier = verify.See(map[string]string{unknown: before})
		},
	} {
		e := accepted(t)
		change(&e)
		if v := verify.Judge(e); !v.Accepted {
			t.Errorf("%s:\n%s", name, text(t, v))
		}
	}
}

func TestI8_CannotTellWithoutTheRegistry(t *testing.T) {
	e := accepted(t)
	image(t, &e, "api-7d-1", "127.0.0.1:5000/shop/api@"+unknown)
	e.Images["shop/api@"+unknown] = verify.Miss[verify.Image](verify.Gap{Cause: verify.Unreachable, Why: "no answer"})
	if f, _ := verify.Judge(e).Finding("I8"); f.State != verify.Unknown {
		t.Errorf("%+v", f)
	}
}

func TestF2_ContradictsATag(t *testing.T) {
	tampered(t, "F2", "a pod by tag", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1").Items("spec", "containers")[0], "127.0.0.1:5000/shop/api:"+commit, "image")
	})
}

func TestE9_ContradictsWhatWasMadeOnTheNode(t *testing.T) {
	tampered(t, "E9", "a local image of the same content", func(e *verify.Evidence) {
		image(t, e, "api-7d-1", config1)
	})
	tampered(t, "E9", "another registry", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1").Items("spec", "containers")[0], "docker.io/shop/api@"+apiImage, "image")
	})
	tampered(t, "E9 F2 I8", "a debugging container", func(e *verify.Evidence) {
		set(find(t, e, "Pod", "api-7d-1"), []any{map[string]any{"name": "debugger", "image": "127.0.0.1:5000/busybox"}}, "spec", "ephemeralContainers")
	})
	tampered(t, "E9", "the old release way", func(e *verify.Evidence) {
		e.Source.Findings.Value = fail.Findings{{Rule: "E9", File: "CI.json", Why: "it is of the old release way"}}
	})
}

func TestG1_ContradictsForeignObjects(t *testing.T) {
	foreign := func(e *verify.Evidence, group, kind string) {
		api := "v1"
		if group != "" {
			api = group + "/v1"
		}
		o := verify.Object{"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": "stray", "namespace": "shop-v03", "uid": "stray"}}
		e.Live.Lists = append(e.Live.Lists, verify.List{Group: group, Kind: kind, Objects: verify.See([]verify.Object{o})})
	}
	tampered(t, "G1", "an object of nobody", func(e *verify.Evidence) { foreign(e, "batch", "CronJob") })
	tampered(t, "G1", "a Secret that the intent does not declare", func(e *verify.Evidence) {
		set(find(t, e, "Secret", "shop-v03-db"), "other", "metadata", "name")
	})
	tampered(t, "G1", "another Application", func(e *verify.Evidence) {
		e.Argo.Applications.Value = append(e.Argo.Applications.Value, verify.Object{
			"kind": "Application", "metadata": map[string]any{"name": "rival"},
			"spec": map[string]any{"destination": map[string]any{"namespace": "shop-v03"}},
		})
	})
	tampered(t, "G1", "owned by something that is gone", func(e *verify.Evidence) {
		set(find(t, e, "EndpointSlice", "api-x").Items("metadata", "ownerReferences")[0], "gone", "uid")
	})
}

func TestH2_ContradictsAHand(t *testing.T) {
	by := func(o verify.Object, manager string, fields map[string]any) {
		set(o, append(o.At("metadata", "managedFields").([]any), map[string]any{"manager": manager, "time": written, "fieldsV1": fields}), "metadata", "managedFields")
	}
	scale := map[string]any{"f:spec": map[string]any{"f:replicas": map[string]any{}}}
	label := map[string]any{"f:metadata": map[string]any{"f:labels": map[string]any{"f:team": map[string]any{}}}}
	tampered(t, "H2", "kubectl scale", func(e *verify.Evidence) { by(find(t, e, "Deployment", "api"), "kubectl", scale) })
	tampered(t, "H2", "a label", func(e *verify.Evidence) { by(find(t, e, "Service", "api"), "kubectl-label", label) })
	tampered(t, "H2", "the Application", func(e *verify.Evidence) { by(e.Argo.Application.Value, "kubectl-edit", scale) })
	tampered(t, "H2", "the AppProject", func(e *verify.Evidence) { by(e.Argo.AppProject.Value, "argocd-server", scale) })
	tampered(t, "H2", "the Pipeline", func(e *verify.Evidence) { by(e.Tekton.Live[3].Value, "kubectl-client-side-apply", scale) })
	tampered(t, "H2", "a Job that the manager did not start", func(e *verify.Evidence) { by(find(t, e, "Job", "mailer-x"), "kubectl-create", scale) })

	e := accepted(t)
	by(find(t, &e, "Deployment", "api"), "kubectl", scale)
	if out := text(t, verify.Judge(e)); !strings.Contains(out, "Deployment api managedFields[kubectl]: spec.replicas since "+written) {
		t.Error(out)
	}
	// Who only writes a status or an annotation keeps nothing in being.
	e = accepted(t)
	by(find(t, &e, "Deployment", "api"), "someone", map[string]any{"f:status": map[string]any{}, "f:metadata": map[string]any{"f:annotations": map[string]any{}}})
	if v := verify.Judge(e); !v.Accepted {
		t.Error(text(t, v))
	}
}

func TestH3_ContradictsDrift(t *testing.T) {
	tampered(t, "H3", "a changed limit", func(e *verify.Evidence) {
		set(find(t, e, "Deployment", "api").Items("spec", "template", "spec", "containers")[0], "3", "resources", "limits", "cpu")
	})
	tampered(t, "H3", "one more variable", func(e *verify.Evidence) {
		c := find(t, e, "Deployment", "api").Items("spec", "template", "spec", "containers")[0]
		set(c, append(c.At("env").([]any), map[string]any{"name": "DEBUG", "value": "1"}), "env")
	})
	tampered(t, "H3", "one more key of a ConfigMap", func(e *verify.Evidence) {
		set(find(t, e, "ConfigMap", "shop-v03-greeting"), "x", "data", "more")
	})
	tampered(t, "H3", "a NetworkPolicy that is gone", func(e *verify.Evidence) {
		for i, l := range e.Live.Lists {
			if l.Kind == "NetworkPolicy" {
				e.Live.Lists[i].Objects.Value = l.Objects.Value[1:]
			}
		}
	})
}

func TestH3_C4_DriftShowsNoCredential(t *testing.T) {
	e := accepted(t)
	c := find(t, &e, "Deployment", "api").Items("spec", "template", "spec", "containers")[0]
	for _, v := range c.Items("env") {
		if v.Text("name") == "MOOD" {
			v["value"] = "correct horse battery staple"
		}
	}
	if out := text(t, verify.Judge(e)); strings.Contains(out, "staple") || !strings.Contains(out, "env[MOOD].value: (withheld)") {
		t.Error(out)
	}
}

func TestE8_ContradictsEvidenceOfElsewhere(t *testing.T) {
	tampered(t, "E8", "an object of another namespace", func(e *verify.Evidence) {
		set(find(t, e, "Secret", "shop-v03-db"), "shop-v02", "metadata", "namespace")
	})
}

func TestA5_ContradictsRetiredDestinations(t *testing.T) {
	tampered(t, "A5 G2", "the AppProject", func(e *verify.Evidence) {
		e.Argo.AppProject.Value.Items("spec", "destinations")[0]["namespace"] = "shop-prod"
	})
}

func TestI4_ContradictsAnotherState(t *testing.T) {
	app := func(e *verify.Evidence) verify.Object { return e.Argo.Application.Value }
	tampered(t, "I4", "out of sync", func(e *verify.Evidence) { set(app(e), "OutOfSync", "status", "sync", "status") })
	tampered(t, "I4", "degraded", func(e *verify.Evidence) { set(app(e), "Degraded", "status", "health", "status") })
	tampered(t, "I4", "another path was compared", func(e *verify.Evidence) {
		set(app(e), "deploy/gitops/k7/runtime-v02", "status", "sync", "comparedTo", "source", "path")
	})
	tampered(t, "I4", "an older revision of other content", func(e *verify.Evidence) {
		set(app(e), before, "status", "sync", "revision")
		e.Argo.SyncedTree = verify.See(strings.Repeat("e", 40))
	})
	e := accepted(t)
	set(app(&e), before, "status", "sync", "revision")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("another commit of the same tree: %s", text(t, v))
	}
}

func TestE7_ContradictsAPausedApplication(t *testing.T) {
	app := func(e *verify.Evidence) verify.Object { return e.Argo.Application.Value }
	tampered(t, "E7", "not automated", func(e *verify.Evidence) { set(app(e), nil, "spec", "syncPolicy", "automated") })
	tampered(t, "E7", "no self-heal", func(e *verify.Evidence) { set(app(e), false, "spec", "syncPolicy", "automated", "selfHeal") })
	tampered(t, "E7", "the last sync failed", func(e *verify.Evidence) { set(app(e), "Failed", "status", "operationState", "phase") })
	e := accepted(t)
	set(app(&e), nil, "status", "operationState")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("never synced, because nothing had to be: %s", text(t, v))
	}
	failed := map[string]any{"phase": "Failed", "operation": map[string]any{"sync": map[string]any{"revision": before}}}
	set(app(&e), failed, "status", "operationState")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("another revision failed before: %s", text(t, v))
	}
	// Asked for by a person, an operation names its revision in the result alone.
	byHand := map[string]any{"phase": "Error", "operation": map[string]any{"sync": map[string]any{}}, "syncResult": map[string]any{"revision": before}}
	set(app(&e), byHand, "status", "operationState")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("another revision failed before, by hand: %s", text(t, v))
	}
	set(app(&e), "Running", "status", "operationState", "phase")
	if f, _ := verify.Judge(e).Finding("E7"); f.State != verify.Contradicted {
		t.Errorf("another revision is still tried: %+v", f)
	}
	set(app(&e), nil, "status", "operationState")
	set(app(&e), "OutOfSync", "status", "sync", "status")
	if f, _ := verify.Judge(e).Finding("E7"); f.State != verify.Contradicted {
		t.Errorf("never synced, though something is to be: %+v", f)
	}
	tampered(t, "E7", "a condition", func(e *verify.Evidence) {
		set(app(e), []any{map[string]any{"type": "ComparisonError", "message": "repository not found"}}, "status", "conditions")
	})
}

func TestG2_ContradictsAWiderProject(t *testing.T) {
	spec := func(e *verify.Evidence) verify.Object { return e.Argo.AppProject.Value.Map("spec") }
	tampered(t, "G2", "any source", func(e *verify.Evidence) { spec(e)["sourceRepos"] = []any{"*"} })
	tampered(t, "G2", "a second destination", func(e *verify.Evidence) {
		spec(e)["destinations"] = append(spec(e)["destinations"].([]any), map[string]any{"server": "https://kubernetes.default.svc", "namespace": "kube-system"})
	})
	tampered(t, "G2", "any cluster-scoped kind", func(e *verify.Evidence) {
		spec(e)["clusterResourceWhitelist"] = []any{map[string]any{"group": "*", "kind": "*"}}
	})
	tampered(t, "G2 A5", "not there", func(e *verify.Evidence) {
		e.Argo.AppProject.Value.Items("spec", "destinations")[0]["namespace"] = "shop-dev"
	})
}

func TestG3_ContradictsAnotherSource(t *testing.T) {
	spec := func(e *verify.Evidence) verify.Object { return e.Argo.Application.Value.Map("spec") }
	tampered(t, "G3", "another branch", func(e *verify.Evidence) { set(spec(e), "main", "source", "targetRevision") })
	tampered(t, "G3", "another path", func(e *verify.Evidence) { set(spec(e), "deploy", "source", "path") })
	tampered(t, "G3", "another repository", func(e *verify.Evidence) { set(spec(e), "https://example.com/x.git", "source", "repoURL") })
	tampered(t, "G3", "another namespace", func(e *verify.Evidence) { set(spec(e), "default", "destination", "namespace") })
	tampered(t, "G3", "another project", func(e *verify.Evidence) { spec(e)["project"] = "default" })
	tampered(t, "G3", "a tool in between", func(e *verify.Evidence) { set(spec(e), map[string]any{}, "source", "kustomize") })
	e := accepted(t)
	set(spec(&e), "v0.3-gitops", "source", "targetRevision")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("the branch's short name: %s", text(t, v))
	}
}
