package verify_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/verify"
)

// day is a bad day: one link of the chain is another than it should be, and a rule says
// so in words that name it.
type day struct {
	what, rule, says string
	change           func(e *verify.Evidence)
}

// days are in the order of acceptance. docs/reference/tampering.md lists them.
func days(t *testing.T) []day {
	const runtime = "deploy/gitops/k7/runtime-v03/"
	absent := verify.Gap{Cause: verify.Absent, Why: "the registry has no such manifest"}
	app := func(e *verify.Evidence) verify.Object { return e.Argo.Application.Value }
	edit := func(e *verify.Evidence, file, old, with string) {
		e.Gitops.Value.Files[runtime+file] = []byte(strings.Replace(string(e.Gitops.Value.Files[runtime+file]), old, with, 1))
	}
	found := func(e *verify.Evidence, f fail.Finding) { e.Source.Findings.Value = fail.Findings{f} }
	return []day{
		{"the namespace is being deleted", "I3", "status.phase: Terminating", func(e *verify.Evidence) {
			set(e.Live.Namespace.Value, "Terminating", "status", "phase")
		}},
		{"a tag was moved, and a node pulled the other image", "I8", unknown, func(e *verify.Evidence) {
			image(t, e, "api-7d-1", "127.0.0.1:5000/shop/api@"+unknown)
			e.Images["shop/api@"+unknown] = verify.See(verify.Image{Config: unknown})
		}},
		{"a pod of an older ReplicaSet goes on", "I8", "of revision 2, and the Deployment is at 3", func(e *verify.Evidence) {
			set(find(t, e, "ReplicaSet", "api-7d"), "2", "metadata", "annotations", "deployment.kubernetes.io/revision")
		}},
		{"a pod names its image by a tag", "F2", "api:" + commit, func(e *verify.Evidence) {
			set(find(t, e, "Pod", "api-7d-1").Items("spec", "containers")[0], "127.0.0.1:5000/shop/api:"+commit, "image")
		}},
		{"an image was built on the node", "E9", config1, func(e *verify.Evidence) { image(t, e, "api-7d-1", config1) }},
		{"somebody put an object into the namespace", "G1", "CronJob stray", func(e *verify.Evidence) {
			stray := verify.Object{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": map[string]any{"name": "stray", "namespace": "shop-v03", "uid": "stray"}}
			e.Live.Lists = append(e.Live.Lists, verify.List{Group: "batch", Kind: "CronJob", Objects: verify.See([]verify.Object{stray})})
		}},
		{"a second Application deploys into the namespace", "G1", "Application rival: it deploys into shop-v03 too", func(e *verify.Evidence) {
			e.Argo.Applications.Value = append(e.Argo.Applications.Value, verify.Object{
				"kind": "Application", "metadata": map[string]any{"name": "rival"},
				"spec": map[string]any{"destination": map[string]any{"namespace": "shop-v03"}},
			})
		}},
		{"kubectl wrote to an object, and to the same value", "H2", "managedFields[kubectl-edit]: spec.replicas", func(e *verify.Evidence) {
			api := find(t, e, "Deployment", "api")
			set(api, append(api.At("metadata", "managedFields").([]any), map[string]any{
				"manager": "kubectl-edit", "time": written, "fieldsV1": map[string]any{"f:spec": map[string]any{"f:replicas": map[string]any{}}},
			}), "metadata", "managedFields")
		}},
		{"a Deployment was scaled by hand", "H3", "Deployment api spec.replicas: 5, want 2", func(e *verify.Evidence) {
			set(find(t, e, "Deployment", "api"), float64(5), "spec", "replicas")
		}},
		{"evidence of another lane's namespace was slipped in", "E8", "shop-v02", func(e *verify.Evidence) {
			set(find(t, e, "Secret", "shop-v03-db"), "shop-v02", "metadata", "namespace")
		}},
		{"the AppProject lets the lane into a retired environment", "A5", "shop-prod", func(e *verify.Evidence) {
			e.Argo.AppProject.Value.Items("spec", "destinations")[0]["namespace"] = "shop-prod"
		}},

		{"the Application was renamed", "I4", "Application shop-k7-v03: it is not there", func(e *verify.Evidence) {
			e.Argo.Application = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
		}},
		{"the branch was pushed over behind Argo CD", "I4", "status.sync.revision: " + strings.Repeat("e", 40), func(e *verify.Evidence) {
			set(app(e), strings.Repeat("e", 40), "status", "sync", "revision")
			e.Argo.SyncedTree = verify.See(strings.Repeat("f", 40))
		}},
		{"self-healing was switched off", "E7", "selfHeal", func(e *verify.Evidence) {
			set(app(e), false, "spec", "syncPolicy", "automated", "selfHeal")
		}},
		{"the AppProject takes any source", "G2", "spec.sourceRepos: *", func(e *verify.Evidence) {
			e.Argo.AppProject.Value.Map("spec")["sourceRepos"] = []any{"*"}
		}},
		{"the Application reads another branch", "G3", "targetRevision: main", func(e *verify.Evidence) {
			set(app(e), "main", "spec", "source", "targetRevision")
		}},

		{"a manifest on the branch was edited", "I5", "config.yaml content", func(e *verify.Evidence) {
			e.Gitops.Value.Files[runtime+"config.yaml"] = []byte("apiVersion: v1\n")
		}},
		{"a manifest on the branch was given a tag", "I7", "services/api.yaml", func(e *verify.Evidence) {
			edit(e, "services/api.yaml", "@"+apiImage, ":latest")
		}},
		{"an image was deleted in the registry", "F3", "no such manifest", func(e *verify.Evidence) {
			e.Images["shop/api@"+apiImage] = verify.Miss[verify.Image](absent)
		}},
		{"the catalog is of an older format", "F4", "it is of version v0", func(e *verify.Evidence) {
			e.Gitops = verify.Miss[verify.Gitops](verify.Gap{Cause: verify.Refused, Why: "it is of version v0"})
		}},
		{"an image was pushed by hand", "H4", "shop/api@" + apiImage, func(e *verify.Evidence) {
			e.Images["shop/api@"+apiImage] = verify.See(verify.Image{Config: config1, Identity: unknown})
		}},
		{"a manifest goes to another namespace", "A3", "config.yaml", func(e *verify.Evidence) {
			edit(e, "config.yaml", "namespace: shop-v03", "namespace: shop-v02")
		}},
		{"a link lies among the manifests", "C3", "x.yaml", func(e *verify.Evidence) { e.Gitops.Value.Odd = []string{runtime + "x.yaml"} }},
		{"a manifest hides beside the lane's metadata", "C3", "old/api.yaml: it is no document of the lane", func(e *verify.Evidence) {
			e.Gitops.Value.Files[runtime+".lane/old/api.yaml"] = []byte("kind: Deployment\n")
		}},
		{"a credential was pushed to the branch", "C4", "a private key", func(e *verify.Evidence) {
			e.Gitops.Value.Secrets = []string{runtime + "config.yaml:3:7: a private key"}
		}},
		{"a file lies beside the two paths", "D4", "README.md", func(e *verify.Evidence) { e.Gitops.Value.Files["README.md"] = []byte("hello\n") }},

		{"a merge commit is the branch's head", "I10", "Lane-Source-Commit: nothing", func(e *verify.Evidence) {
			e.Gitops.Value.Message = "Merge branch 'x' into v0.3-gitops\n"
		}},
		{"the promotion is signed by another key", "I10", "signature: another key", func(e *verify.Evidence) {
			e.Gitops.Value.Signature = verify.See(verify.Signature{State: verify.Bad, Why: "another key"})
		}},
		{"the run published other images", "I10", "publish.published: " + unknown, func(e *verify.Evidence) {
			for _, tr := range e.Tekton.TaskRuns.Value {
				if tr.Name() == "publish" {
					set(tr.Items("status", "results")[0], unknown, "value")
				}
			}
		}},
		{"a hand put another image into the catalog, and the commit was released again", "I10", "no other run of the commit published that image", func(e *verify.Evidence) {
			releasedAgain(t, e)
			e.Gitops.Value.Catalog.Services[0].Image.Digest = unknown
			takenOver(t, e)
		}},
		{"a restart brought another image along", "I10", "mailer digest: " + mailer, func(e *verify.Evidence) {
			restarted(t, e)
			e.Gitops.Value.Replaced.Value.Catalog.Services[1].Image.Digest = unknown
		}},
		{"the released commit was pushed off the source branch", "E1", commit, func(e *verify.Evidence) { e.Source.Contains = verify.See(false) }},
		{"the run left the host's network", "B2", "hostNetwork", func(e *verify.Evidence) {
			delete(e.Tekton.Runs.Value[0].Map("spec", "taskRunTemplate", "podTemplate"), "hostNetwork")
		}},
		{"a step of the Pipeline was edited", "B4", "Pipeline shop-v03-ci-image-publish", func(e *verify.Evidence) {
			e.Tekton.Live[3].Value.Items("spec", "tasks")[0]["timeout"] = "9h"
		}},
		{"a poller stands beside the runs", "I6", "shop-v03-poller", func(e *verify.Evidence) {
			e.Tekton.Workloads.Value = []verify.Object{{"kind": "Deployment", "metadata": map[string]any{"name": "shop-v03-poller", "namespace": "shop-ci"}}}
		}},

		{"the worktree has changes", "I1", "changes: M main.go", func(e *verify.Evidence) { e.Worktree.Value.Dirty = []string{"M main.go"} }},
		{"a page calls a retired environment current", "I2", "AGENTS.md", func(e *verify.Evidence) {
			found(e, fail.Finding{Rule: "A5", File: "AGENTS.md", Line: 3, Why: "shop-prod is retired"})
		}},
		{"the source tracks a catalog", "C2", "notes.json", func(e *verify.Evidence) {
			found(e, fail.Finding{Rule: "C2", File: "notes.json", Line: 1, Why: "it is an artifact catalog"})
		}},
		{"the intent was edited after the release", "D3", "digest", func(e *verify.Evidence) { e.Gitops.Value.Catalog.IntentDigest = unknown }},
		{"a promotion committed to the source branch", "F7", "lane", func(e *verify.Evidence) { e.Source.Authors.Value = []string{"lane"} }},
		{"the cluster's clock was set", "I9", "the clocks of the cluster and of this machine differ", func(e *verify.Evidence) {
			set(find(t, e, "Pod", "api-7d-1"), "2026-01-02T04:00:00Z", "metadata", "creationTimestamp")
		}},
	}
}

// TestI9_EachTamperedLinkIsContradictedByName: on each bad day the rule that it breaks
// is contradicted, in words that name what is wrong; and each rule has its day.
func TestI9_EachTamperedLinkIsContradictedByName(t *testing.T) {
	broken := map[string]bool{}
	for _, d := range days(t) {
		broken[d.rule] = true
		v, said := d.verdict(t)
		if v.Accepted || said == "" {
			f, _ := v.Finding(d.rule)
			t.Errorf("%s: %s is %s and says %v", d.what, d.rule, f.State, f.Observations)
		}
	}
	for _, c := range verify.Judge(accepted(t)).Links {
		for _, f := range c.Findings {
			if !broken[f.Rule] {
				t.Errorf("nothing breaks %s", f.Rule)
			}
		}
	}
}

// verdict is that of the day, and what its rule says: the observation with the words.
func (d day) verdict(t *testing.T) (v verify.Verdict, said string) {
	t.Helper()
	e := accepted(t)
	d.change(&e)
	v = verify.Judge(e)
	f, _ := v.Finding(d.rule)
	for _, ob := range f.Observations {
		if ob.State == verify.Contradicted && strings.Contains(ob.String(), d.says) {
			return v, ob.String()
		}
	}
	return v, ""
}

var long = regexp.MustCompile(`\b([0-9a-f]{12})[0-9a-f]{28,52}\b`)

// TestTamperingPage: the page has what verify says on each of the days, to the letter
// but for the tails of digests.
func TestTamperingPage(t *testing.T) {
	var want strings.Builder
	want.WriteString("| what was tampered with | rules | what the first of them says |\n|---|---|---|\n")
	for _, d := range days(t) {
		v, said := d.verdict(t)
		rules := []string{d.rule}
		for _, c := range v.Links {
			for _, f := range c.Findings {
				if f.State == verify.Contradicted && f.Rule != d.rule {
					rules = append(rules, f.Rule)
				}
			}
		}
		fmt.Fprintf(&want, "| %s | %s | `%s` |\n", d.what, strings.Join(rules, ", "), long.ReplaceAllString(said, "$1"))
	}
	page, err := os.ReadFile("../../docs/reference/tampering.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "<!-- verify:days -->\n")
	got, _, _ := strings.Cut(after, "<!-- /verify:days -->\n")
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("docs/reference/tampering.md does not have the table\n%s\n%s", want.String(), diff)
	}
}
