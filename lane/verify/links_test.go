package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/verify"
)

// TestI9_EachTamperedLinkIsContradictedByName: a bad day each, of which a rule says what
// is wrong in words that name it.
func TestI9_EachTamperedLinkIsContradictedByName(t *testing.T) {
	absent := verify.Gap{Cause: verify.Absent, Why: "the registry has no such manifest"}
	for name, tt := range map[string]struct {
		rule, says string
		change     func(e *verify.Evidence)
	}{
		"the image of a tag was moved": {"I8", unknown, func(e *verify.Evidence) {
			image(t, e, "api-7d-1", "127.0.0.1:5000/shop/api@"+unknown)
			e.Images["shop/api@"+unknown] = verify.See(verify.Image{Config: unknown})
		}},
		"an image was pushed by a hand": {"H4", "shop/api@" + apiImage, func(e *verify.Evidence) {
			e.Images["shop/api@"+apiImage] = verify.See(verify.Image{Config: config1, Identity: unknown})
		}},
		"a digest was deleted": {"F3", "no such manifest", func(e *verify.Evidence) {
			e.Images["shop/api@"+apiImage] = verify.Miss[verify.Image](absent)
		}},
		"the branch was edited": {"I5", "config.yaml content", func(e *verify.Evidence) {
			e.Gitops.Value.Files["deploy/gitops/k7/runtime-v03/config.yaml"] = []byte("apiVersion: v1\n")
		}},
		"the branch was pushed over": {"I4", "status.sync.revision: " + strings.Repeat("e", 40), func(e *verify.Evidence) {
			set(e.Argo.Application.Value, strings.Repeat("e", 40), "status", "sync", "revision")
			e.Argo.SyncedTree = verify.See(strings.Repeat("f", 40))
		}},
		"a merge commit on the branch": {"I10", "Lane-Source-Commit: nothing", func(e *verify.Evidence) {
			e.Gitops.Value.Message = "Merge branch 'x' into v0.3-gitops\n"
		}},
		"a renamed Application": {"I4", "Application shop-k7-v03: it is not there", func(e *verify.Evidence) {
			e.Argo.Application = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
		}},
		"two Applications on one namespace": {"G1", "Application rival: it deploys into shop-v03 too", func(e *verify.Evidence) {
			e.Argo.Applications.Value = append(e.Argo.Applications.Value, verify.Object{
				"kind": "Application", "metadata": map[string]any{"name": "rival"},
				"spec": map[string]any{"destination": map[string]any{"namespace": "shop-v03"}},
			})
		}},
		"a foreign object": {"G1", "CronJob stray", func(e *verify.Evidence) {
			stray := verify.Object{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": map[string]any{"name": "stray", "namespace": "shop-v03", "uid": "stray"}}
			e.Live.Lists = append(e.Live.Lists, verify.List{Group: "batch", Kind: "CronJob", Objects: verify.See([]verify.Object{stray})})
		}},
		"a pod of an older ReplicaSet": {"I8", "of revision 2, and the Deployment is at 3", func(e *verify.Evidence) {
			set(find(t, e, "ReplicaSet", "api-7d"), "2", "metadata", "annotations", "deployment.kubernetes.io/revision")
		}},
		"a catalog of an older format": {"F4", "it is of version v0", func(e *verify.Evidence) {
			e.Gitops = verify.Miss[verify.Gitops](verify.Gap{Cause: verify.Refused, Why: "it is of version v0"})
		}},
		"signed by another key": {"I10", "signature: another key", func(e *verify.Evidence) {
			e.Gitops.Value.Signature = verify.See(verify.Signature{State: verify.Bad, Why: "another key"})
		}},
		"clocks that differ": {"I9", "the clocks of the cluster and of this machine differ", func(e *verify.Evidence) {
			set(find(t, e, "Pod", "api-7d-1"), "2026-01-02T04:00:00Z", "metadata", "creationTimestamp")
		}},
		"scaled by a hand": {"H3", "Deployment api spec.replicas: 5, want 2", func(e *verify.Evidence) {
			set(find(t, e, "Deployment", "api"), float64(5), "spec", "replicas")
		}},
		"results of another run": {"I10", "publish.published: " + unknown, func(e *verify.Evidence) {
			for _, tr := range e.Tekton.TaskRuns.Value {
				if tr.Name() == "publish" {
					set(tr.Items("status", "results")[0], unknown, "value")
				}
			}
		}},
		"a restart with another image in it": {"I10", "mailer digest: " + mailer, func(e *verify.Evidence) {
			restarted(t, e)
			e.Gitops.Value.Replaced.Value.Catalog.Services[1].Image.Digest = unknown
		}},
		"a worktree with changes": {"I1", "changes: M main.go", func(e *verify.Evidence) { e.Worktree.Value.Dirty = []string{"M main.go"} }},
	} {
		e := accepted(t)
		tt.change(&e)
		v := verify.Judge(e)
		f, _ := v.Finding(tt.rule)
		if said := fmt.Sprint(f.Observations); v.Accepted || f.State != verify.Contradicted || !strings.Contains(said, tt.says) {
			t.Errorf("%s: %s is %s and says %s", name, tt.rule, f.State, said)
		}
	}
}
