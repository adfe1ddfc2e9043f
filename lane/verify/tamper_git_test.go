package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/verify"
)

func TestI5_ContradictsOtherBytes(t *testing.T) {
	tampered(t, "I5", "another render", func(e *verify.Evidence) {
		e.Release.Rendered.Value.Tree["deploy/gitops/k7/runtime-v03/config.yaml"] = nil
	})
	tampered(t, "I5 C3", "a comment on the branch", func(e *verify.Evidence) {
		file := "deploy/gitops/k7/runtime-v03/config.yaml"
		e.Gitops.Value.Files[file] = append([]byte("# by hand\n"), e.Gitops.Value.Files[file]...)
	})
}

func TestI5_C3_ContradictsFilesTooMany(t *testing.T) {
	tampered(t, "I5 C3 H3", "a file of a service that is gone", func(e *verify.Evidence) {
		e.Gitops.Value.Files["deploy/gitops/k7/runtime-v03/services/old.yaml"] = []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: old\n  namespace: shop-v03\n")
	})
	tampered(t, "I5 G1", "a file that is missing", func(e *verify.Evidence) {
		delete(e.Gitops.Value.Files, "deploy/gitops/k7/runtime-v03/network.yaml")
	})
}

func TestC3_ContradictsLinks(t *testing.T) {
	tampered(t, "C3", "a link", func(e *verify.Evidence) { e.Gitops.Value.Odd = []string{"deploy/gitops/k7/runtime-v03/x.yaml"} })
}

func TestD4_ContradictsOtherPaths(t *testing.T) {
	tampered(t, "D4", "a file beside the two paths", func(e *verify.Evidence) { e.Gitops.Value.Files["README.md"] = []byte("hello\n") })
}

func TestC4_ContradictsCredentials(t *testing.T) {
	tampered(t, "C4", "one on the branch", func(e *verify.Evidence) { e.Gitops.Value.Secrets = []string{"config.yaml:3:7: a private key"} })
}

func TestI7_ContradictsATagOnTheBranch(t *testing.T) {
	tampered(t, "I7 I5 H3", "a manifest by tag", func(e *verify.Evidence) {
		file := "deploy/gitops/k7/runtime-v03/services/api.yaml"
		e.Gitops.Value.Files[file] = []byte(strings.Replace(string(e.Gitops.Value.Files[file]), "@"+apiImage, ":latest", 1))
	})
}

func TestA3_ContradictsAnotherNamespace(t *testing.T) {
	tampered(t, "A3 I5 H3", "an object elsewhere", func(e *verify.Evidence) {
		file := "deploy/gitops/k7/runtime-v03/config.yaml"
		e.Gitops.Value.Files[file] = []byte(strings.Replace(string(e.Gitops.Value.Files[file]), "namespace: shop-v03", "namespace: shop-v02", 1))
	})
}

func TestF3_ContradictsAMissingManifest(t *testing.T) {
	for _, cause := range []verify.Cause{verify.Absent, verify.Refused} {
		e := accepted(t)
		e.Images["shop/api@"+apiImage] = verify.Miss[verify.Image](verify.Gap{Cause: cause, Why: "404"})
		// What it was built from can then not be known.
		if got := states(verify.Judge(e)); !slices.Equal(got, []string{"F3 contradicted", "H4 unknown"}) {
			t.Errorf("%s: %q", cause, got)
		}
	}
}

func TestF4_ContradictsARefusedCatalog(t *testing.T) {
	e := accepted(t)
	e.Gitops = verify.Miss[verify.Gitops](verify.Gap{Cause: verify.Refused, Why: "the catalog is not in canonical form"})
	v := verify.Judge(e)
	if f, _ := v.Finding("F4"); f.State != verify.Contradicted || v.Contradicted != 1 {
		t.Errorf("%q", states(v))
	}
	tampered(t, "F4", "of another lane", func(e *verify.Evidence) { e.Gitops.Value.Catalog.GitopsBranch = "main" })
}

func TestH4_ContradictsAnImageOfAHand(t *testing.T) {
	tampered(t, "H4", "another identity", func(e *verify.Evidence) {
		e.Images["shop/api@"+apiImage] = verify.See(verify.Image{Config: config1, Identity: unknown})
	})
	tampered(t, "H4", "none", func(e *verify.Evidence) {
		e.Images["shop/api@"+apiImage] = verify.See(verify.Image{Config: config1})
	})
}

func TestI10_ContradictsTheRun(t *testing.T) {
	run := func(e *verify.Evidence) verify.Object { return e.Tekton.Run.Value }
	result := func(e *verify.Evidence, task int, value string) {
		e.Tekton.TaskRuns.Value[task].Items("status", "results")[0]["value"] = value
	}
	tampered(t, "I10", "it failed", func(e *verify.Evidence) {
		set(run(e), []any{map[string]any{"type": "Succeeded", "status": "False", "reason": "Failed"}}, "status", "conditions")
	})
	tampered(t, "I10", "another commit was built", func(e *verify.Evidence) { result(e, 0, before) })
	tampered(t, "I10", "other images were published", func(e *verify.Evidence) { result(e, 2, unknown) })
	tampered(t, "I10", "it was superseded", func(e *verify.Evidence) { result(e, 3, "superseded") })
	tampered(t, "I10", "other services were promoted", func(e *verify.Evidence) {
		e.Tekton.TaskRuns.Value[3].Items("status", "results")[2]["value"] = unknown
	})
	tampered(t, "I10", "another commit of the branch", func(e *verify.Evidence) {
		e.Tekton.TaskRuns.Value[3].Items("status", "results")[1]["value"] = before
	})
	tampered(t, "I10", "other trailers", func(e *verify.Evidence) {
		e.Gitops.Value.Message = strings.Replace(e.Gitops.Value.Message, commit, before, 1)
	})
	tampered(t, "I10", "a bad signature", func(e *verify.Evidence) {
		e.Gitops.Value.Signature = verify.See(verify.Signature{State: verify.Bad, Why: "another key"})
	})
}

func TestI10_SignedTrailersDecideOncePruned(t *testing.T) {
	for state, want := range map[verify.SignatureState]verify.State{verify.Signed: verify.Matched, verify.Unsigned: verify.Unknown, verify.Bad: verify.Contradicted} {
		e := accepted(t)
		e.Tekton.Run = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
		e.Tekton.TaskRuns = verify.Seen[[]verify.Object]{}
		e.Tekton.Runs = verify.See([]verify.Object{})
		e.Gitops.Value.Signature = verify.See(verify.Signature{State: state, By: "release@k7", Why: "no"})
		v := verify.Judge(e)
		if f, _ := v.Finding("I10"); f.State != want || v.Accepted != (want == verify.Matched) {
			t.Errorf("%s: %s, %q", state, f.State, states(v))
		}
	}
}

func TestE1_ContradictsACommitBesideTheBranch(t *testing.T) {
	tampered(t, "E1", "not on it", func(e *verify.Evidence) { e.Source.Contains = verify.See(false) })
}

func TestB2_ContradictsThePodNetwork(t *testing.T) {
	pod := func(e *verify.Evidence) verify.Object {
		return e.Tekton.Runs.Value[0].Map("spec", "taskRunTemplate", "podTemplate")
	}
	tampered(t, "B2", "no host network", func(e *verify.Evidence) { delete(pod(e), "hostNetwork") })
	tampered(t, "B2", "another DNS policy", func(e *verify.Evidence) { pod(e)["dnsPolicy"] = "Default" })
}

func TestB4_ContradictsAnotherPipeline(t *testing.T) {
	tampered(t, "B4", "an edited step", func(e *verify.Evidence) {
		e.Tekton.Live[3].Value.Items("spec", "tasks")[0]["timeout"] = "9h"
	})
	tampered(t, "B4", "not there", func(e *verify.Evidence) {
		e.Tekton.Live[3] = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
	})
}

func TestI6_ContradictsAPoller(t *testing.T) {
	tampered(t, "I6", "a Deployment of our own", func(e *verify.Evidence) {
		e.Tekton.Workloads.Value = []verify.Object{{"kind": "Deployment", "metadata": map[string]any{"name": "shop-v03-poller", "namespace": "shop-ci"}}}
	})
	for name, obj := range map[string]verify.Object{
		"of the project":                    workload("Deployment", "shop-poller", "", "", ""),
		"of another lane, by its name":      workload("Deployment", "shop-v02-poller", "", "", ""),
		"with the lane's labels":            workload("CronJob", "nightly", "shop", "v0.3", ""),
		"with another project's labels":     workload("Deployment", "shop-v03-poller", "store", "v0.3", ""),
		"a listener made by hand":           workload("Deployment", "el-shop-v03-poll", "", "", "shop-v03-poll"),
		"a listener with the lane's labels": workload("Deployment", "el-other", "shop", "v0.3", "other"),
		"one more that the listener owns":   workload("Deployment", "el-shop-v03-push-2", "shop", "v0.3", "shop-v03-push"),
		"the same without labels":           workload("Deployment", "x", "", "", "shop-v03-push"),
		"another kind that it owns":         workload("CronJob", "el-shop-v03-push", "shop", "v0.3", "shop-v03-push"),
		"what only has its name":            workload("Deployment", "el-shop-v03-push", "", "", ""),
		"that and its labels":               workload("Deployment", "el-shop-v03-push", "shop", "v0.3", ""),
		"that something else controls": controlledBy(workload("Deployment", "el-shop-v03-push", "shop", "v0.3", "shop-v03-push"),
			map[string]any{"apiVersion": "example.com/v1", "kind": "EventListener", "name": "shop-v03-push", "uid": "el", "controller": true}),
		"that it does not control": controlledBy(workload("Deployment", "el-shop-v03-push", "shop", "v0.3", "shop-v03-push"),
			map[string]any{"apiVersion": "triggers.tekton.dev/v1beta1", "kind": "EventListener", "name": "shop-v03-push", "uid": "el"}),
	} {
		tampered(t, "I6", name, func(e *verify.Evidence) { e.Tekton.Workloads.Value = []verify.Object{obj} })
	}
}

// workload is what stays running in the Tekton namespace. With a listener it is as Tekton
// Triggers makes it: the EventListener controls it, and its labels are copied.
func workload(kind, name, project, lane, listener string) verify.Object {
	meta := map[string]any{"name": name, "namespace": "shop-ci"}
	if project != "" {
		meta["labels"] = map[string]any{pipeline.LabelProject: project, pipeline.LabelLane: lane}
	}
	api := map[string]string{"Deployment": "apps/v1", "CronJob": "batch/v1"}[kind]
	o := verify.Object{"apiVersion": api, "kind": kind, "metadata": meta}
	if listener == "" {
		return o
	}
	return controlledBy(o, map[string]any{"apiVersion": "triggers.tekton.dev/v1beta1", "kind": "EventListener", "name": listener, "uid": "el", "controller": true, "blockOwnerDeletion": true})
}

func controlledBy(o verify.Object, owner map[string]any) verify.Object {
	set(o, []any{owner}, "metadata", "ownerReferences")
	return o
}

// TestI6_TheListenerOfTriggersIsNoPoller: Tekton Triggers runs what answers the lane's
// webhook, and what answers that of others.
func TestI6_TheListenerOfTriggersIsNoPoller(t *testing.T) {
	for name, obj := range map[string]verify.Object{
		"the lane's":                       workload("Deployment", "el-shop-v03-push", "shop", "v0.3", "shop-v03-push"),
		"with the labels left out":         workload("Deployment", "el-shop-v03-push", "", "", "shop-v03-push"),
		"another lane's":                   workload("Deployment", "el-shop-v02-push", "shop", "v0.2", "shop-v02-push"),
		"another lane's, without labels":   workload("Deployment", "el-shop-v02-push", "", "", "shop-v02-push"),
		"another project's":                workload("Deployment", "el-store-v03-push", "store", "v0.3", "store-v03-push"),
		"of a project with a longer name":  workload("Deployment", "el-shop-web-v03-push", "shop-web", "v0.3", "shop-web-v03-push"),
		"a longer project's own program":   workload("Deployment", "shop-web-v03-cache", "shop-web", "v0.3", ""),
		"nobody's that lane knows":         workload("Deployment", "el-github", "", "", "github"),
		"another project's under its name": workload("Deployment", "store-v03-cache", "store", "v0.3", ""),
	} {
		t.Run(name, func(t *testing.T) {
			e := accepted(t)
			e.Tekton.Workloads.Value = []verify.Object{obj}
			if v := verify.Judge(e); !v.Accepted {
				t.Errorf("%q\n%s", states(v), text(t, v))
			}
		})
	}
}

// TestI6_AProjectCalledElOwnsNoListeners: Tekton Triggers begins every name with "el-".
func TestI6_AProjectCalledElOwnsNoListeners(t *testing.T) {
	e := accepted(t)
	n, err := names.For("el", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	e.Names = n
	e.Tekton.Workloads.Value = []verify.Object{workload("Deployment", "el-github", "", "", "github")}
	if f, _ := verify.Judge(e).Finding("I6"); f.State != verify.Matched {
		t.Errorf("%+v", f)
	}
	e.Tekton.Workloads.Value = []verify.Object{workload("Deployment", "el-v03-poller", "", "", "")}
	if f, _ := verify.Judge(e).Finding("I6"); f.State != verify.Contradicted {
		t.Errorf("%+v", f)
	}
}

func TestI1_ContradictsAnotherWorktree(t *testing.T) {
	tampered(t, "I1", "another branch", func(e *verify.Evidence) { e.Worktree.Value.Ref = "refs/heads/main" })
	tampered(t, "I1", "behind origin", func(e *verify.Evidence) { e.Worktree.Value.Head = before })
	tampered(t, "I1", "not clean", func(e *verify.Evidence) { e.Worktree.Value.Dirty = []string{"M go.mod"} })
}

func TestI9_ContradictsATemporaryWorktree(t *testing.T) {
	tampered(t, "I9", "that of a task", func(e *verify.Evidence) { e.Worktree.Value.Path = "/srv/shop-v03/.worktree/fix" })
}

func TestI2_C2_ContradictsTheSource(t *testing.T) {
	found := func(e *verify.Evidence, rule, file string) {
		e.Source.Findings.Value = fail.Findings{{Rule: rule, File: file, Line: 3, Why: "no"}}
	}
	tampered(t, "I2", "a retired name", func(e *verify.Evidence) { found(e, "A5", "AGENTS.md") })
	tampered(t, "C2", "a tracked catalog", func(e *verify.Evidence) { found(e, "C2", "x.json") })
}

func TestD3_ContradictsAnIntentThatWasEdited(t *testing.T) {
	tampered(t, "D3 I5 I10", "another digest", func(e *verify.Evidence) { e.Gitops.Value.Catalog.IntentDigest = canon.Digest(nil) })
}

func TestF7_ContradictsACommitOfLane(t *testing.T) {
	tampered(t, "F7", "on the source branch", func(e *verify.Evidence) { e.Source.Authors.Value = []string{"lane"} })
}
