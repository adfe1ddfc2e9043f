package observe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/lane/catalog"
)

// TestI8_SaysHowFarItLooked: beyond the bound an image is unknown, and not contradicted;
// what was found within it is known.
func TestI8_SaysHowFarItLooked(t *testing.T) {
	l, o := newLine(t)
	for _, c := range []string{"a", "b", "c"} {
		l.promote(strings.Repeat(c, 40))
	}
	var seen []string
	visit := func(c *catalog.Catalog) bool { seen = append(seen, c.SourceCommitID[:1]); return true }
	for _, tt := range []struct {
		limit int
		err   string
		want  []string
	}{{2, "the last 2 commits", []string{"c", "b"}}, {3, "", []string{"c", "b", "a"}}, {9, "", []string{"c", "b", "a"}}} {
		seen = nil
		err := o.Branch.Catalogs(t.Context(), "", tt.limit, visit)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("after %d: %v", tt.limit, err)
		}
		if diff := cmp.Diff(tt.want, seen); diff != "" {
			t.Error(diff)
		}
	}
}

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
	// What a hand has done to the catalog since, and undone, hides nothing.
	l.commit(older, "by hand", nil, map[string][]byte{l.names.ArtifactCatalog: []byte("{}\n")})
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
