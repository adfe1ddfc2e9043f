package observe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// TestI8_KnowsTheImagesOfEarlierCatalogs: a run may still have the image of the release
// that it was started on, which the branch's history knows on the remote, whatever
// the clone has of it.
func TestI8_KnowsTheImagesOfEarlierCatalogs(t *testing.T) {
	l, o := newLine(t)
	older, newer, never := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	digest := func(of string) string { return canon.Digest([]byte("api" + of)) }
	pod := func(of string) string {
		return fmt.Sprintf(`{"metadata":{"name":"run-%.1s","namespace":"shop-v03"},"spec":{"containers":[{"name":"api","image":"%s@%s"}]}}`, of, l.names.Repository("api"), digest(of))
	}
	l.promote(older)
	l.promote(newer)
	for _, tt := range []struct {
		pods []string
		want map[string]string
	}{
		{[]string{pod(newer)}, nil}, // nothing is looked for
		{[]string{pod(newer), pod(older)}, map[string]string{digest(older): older}},
		{[]string{pod(older), pod(never)}, map[string]string{digest(older): older}},
	} {
		with := observer(t, kubetest.Script{
			"GET " + ns + "/pods": {kubetest.Object(`{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[` + strings.Join(tt.pods, ",") + `]}`)},
		})
		with.Branch = o.Branch
		e := see(t, with)
		if e.Release.Earlier.Found != (tt.want != nil) {
			t.Errorf("%+v", e.Release.Earlier)
		}
		if diff := cmp.Diff(tt.want, e.Release.Earlier.Value); diff != "" {
			t.Error(diff)
		}
	}
}
