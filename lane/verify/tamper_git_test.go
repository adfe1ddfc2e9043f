package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
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
