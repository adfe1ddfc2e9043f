package verify_test

import (
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lane/verify"
)

func TestI9_ContradictsClocksThatDiffer(t *testing.T) {
	tampered(t, "I9", "this machine is behind the cluster", func(e *verify.Evidence) {
		set(find(t, e, "Deployment", "api"), "2026-01-02T03:10:00Z", "metadata", "creationTimestamp")
	})
	e := accepted(t)
	set(find(t, &e, "Deployment", "api"), "2026-01-02T03:05:00Z", "metadata", "creationTimestamp")
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("less than two minutes are taken for a skew:\n%s", text(t, v))
	}
}

// TestObservationsSayWhenTheyWereMade, each by the answer that it rests on.
func TestObservationsSayWhenTheyWereMade(t *testing.T) {
	e := accepted(t)
	later := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	for i, l := range e.Live.Lists {
		if l.Kind == "Pod" {
			e.Live.Lists[i].Objects = l.Objects.Asked(later(1))
		}
	}
	e.Gitops = e.Gitops.Asked(later(2))
	e.Argo.Application = e.Argo.Application.Asked(later(3))
	for k, im := range e.Images {
		e.Images[k] = im.Asked(later(4))
	}
	e.Worktree = e.Worktree.Asked(later(5))
	v := verify.Judge(e)
	for _, tt := range []struct {
		rule, object string
		at           int
	}{
		{"I8", "Pod api-7d-1 api", 1},
		{"I5", "deploy/gitops/k7/runtime-v03", 2},
		{"I4", "Application shop-k7-v03", 3},
		{"F3", "shop/api@" + apiImage, 4},
		{"I1", "/srv/shop-v03", 5},
	} {
		f, _ := v.Finding(tt.rule)
		got := ""
		for _, ob := range f.Observations {
			if ob.Object == tt.object {
				got = ob.SeenAt
			}
		}
		if want := later(tt.at).Format(time.RFC3339); got != want {
			t.Errorf("%s of %s was seen at %q, want %s: %+v", tt.object, tt.rule, got, want, f.Observations)
		}
	}
	f, _ := v.Finding("D3") // of a commit, which does not change
	if f.Observations[0].SeenAt != "" {
		t.Errorf("%+v", f)
	}
}

func TestI9_OfflineProvesWhatGitAndTheRegistryCan(t *testing.T) {
	e := accepted(t)
	e.Offline = true
	g := verify.Gap{Why: "left out"}
	e.Live, e.Argo = verify.Live{}, verify.Argo{}
	e.Tekton.Run, e.Tekton.Runs, e.Tekton.Workloads = verify.Miss[verify.Object](g), verify.Miss[[]verify.Object](g), verify.Miss[[]verify.Object](g)
	v := verify.Judge(e)
	for rule, want := range map[string]verify.State{
		"I8": verify.Unknown, "I4": verify.Unknown, "I10": verify.Unknown, "I6": verify.Unknown,
		"I5": verify.Matched, "I7": verify.Matched, "F3": verify.Matched, "F4": verify.Matched, "H4": verify.Matched, "E1": verify.Matched,
	} {
		if f, _ := v.Finding(rule); f.State != want {
			t.Errorf("%s is %s, want %s", rule, f.State, want)
		}
	}
	if v.Accepted || !v.Offline || v.Contradicted != 0 {
		t.Errorf("%s", v.Summary())
	}
}
