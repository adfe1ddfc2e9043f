package verify_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/lane/verify"
)

func TestStatus(t *testing.T) {
	e := accepted(t)
	image(t, &e, "api-7d-2", "127.0.0.1:5000/shop/api@"+unknown)
	run := e.Tekton.Runs.Value[0]
	run["status"] = map[string]any{}
	set(find(t, &e, "Deployment", "api"), float64(3), "spec", "replicas")
	var b strings.Builder
	if err := verify.StatusOf(e).Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `shop v0.3: released aaaaaaaaaaaa, the head of the source branch
GitOps branch at cccccccccccc
Application Synced, Healthy, at cccccccccccc

api     sha256:111111111111  2/2 ready  of aaaaaaaaaaaa  runs sha256:111111111111, sha256:999999999999  4m5s
mailer  sha256:222222222222  1 run      of bbbbbbbbbbbb  as the catalog                                 4m5s
running: shop-v03-ci-aaaaaaaaaaaa-1 of aaaaaaaaaaaa
drift: 1
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	s := verify.StatusOf(verify.Evidence{Names: e.Names, At: now})
	if s.Drift != nil || len(s.Unseen) == 0 {
		t.Errorf("without evidence: %+v", s)
	}
}
