package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/lane/verify"
)

func TestI9_AcceptsWhatIsAllSeenAndMatches(t *testing.T) {
	v := verify.Judge(accepted(t))
	if !v.Accepted || len(states(v)) > 0 {
		t.Fatalf("not accepted:\n%s", text(t, v))
	}
	if out := text(t, v); !strings.HasSuffix(out, "\naccepted\n") {
		t.Errorf("the text ends with %q", out[max(0, len(out)-60):])
	} else {
		t.Log(out)
	}
}

func TestI9_WhatWasNotLookedForIsUnknown(t *testing.T) {
	v := verify.Judge(verify.Evidence{Names: accepted(t).Names, At: now})
	for _, c := range v.Links {
		for _, f := range c.Findings {
			if f.State != verify.Unknown {
				t.Errorf("%s is %s without any evidence", f.Rule, f.State)
			}
		}
	}
	if v.Accepted {
		t.Error("accepted")
	}
}

// gaps take one part of the evidence away each.
var gaps = map[string]func(e *verify.Evidence, g verify.Gap){
	"namespace":    func(e *verify.Evidence, g verify.Gap) { e.Live.Namespace = verify.Miss[verify.Object](g) },
	"kinds":        func(e *verify.Evidence, g verify.Gap) { e.Live.Complete = verify.Miss[bool](g) },
	"events":       func(e *verify.Evidence, g verify.Gap) { e.Live.Events = verify.Miss[[]verify.Event](g) },
	"logs":         func(e *verify.Evidence, g verify.Gap) { e.Live.Logs = verify.Miss[[]verify.LogEnd](g) },
	"lists":        func(e *verify.Evidence, g verify.Gap) { e.Live.Lists = nil },
	"application":  func(e *verify.Evidence, g verify.Gap) { e.Argo.Application = verify.Miss[verify.Object](g) },
	"appproject":   func(e *verify.Evidence, g verify.Gap) { e.Argo.AppProject = verify.Miss[verify.Object](g) },
	"applications": func(e *verify.Evidence, g verify.Gap) { e.Argo.Applications = verify.Miss[[]verify.Object](g) },
	"gitops":       func(e *verify.Evidence, g verify.Gap) { e.Gitops = verify.Miss[verify.Gitops](g) },
	"intent":       func(e *verify.Evidence, g verify.Gap) { e.Release.Intent.Found, e.Release.Intent.Gap = false, g },
	"render":       func(e *verify.Evidence, g verify.Gap) { e.Release.Rendered.Found, e.Release.Rendered.Gap = false, g },
	"images":       func(e *verify.Evidence, g verify.Gap) { e.Images = nil },
	"run":          func(e *verify.Evidence, g verify.Gap) { e.Tekton.Run = verify.Miss[verify.Object](g) },
	"taskruns":     func(e *verify.Evidence, g verify.Gap) { e.Tekton.TaskRuns = verify.Miss[[]verify.Object](g) },
	"runs":         func(e *verify.Evidence, g verify.Gap) { e.Tekton.Runs = verify.Miss[[]verify.Object](g) },
	"expected":     func(e *verify.Evidence, g verify.Gap) { e.Tekton.Expected = verify.Miss[[]verify.Object](g) },
	"pipeline":     func(e *verify.Evidence, g verify.Gap) { e.Tekton.Live[3] = verify.Miss[verify.Object](g) },
	"workloads":    func(e *verify.Evidence, g verify.Gap) { e.Tekton.Workloads = verify.Miss[[]verify.Object](g) },
	"source":       func(e *verify.Evidence, g verify.Gap) { e.Source.Contains = verify.Miss[bool](g) },
	"authors":      func(e *verify.Evidence, g verify.Gap) { e.Source.Authors = verify.Miss[[]string](g) },
	"findings":     func(e *verify.Evidence, g verify.Gap) { e.Source.Findings.Found, e.Source.Findings.Gap = false, g },
	"worktree":     func(e *verify.Evidence, g verify.Gap) { e.Worktree = verify.Miss[verify.Worktree](g) },
}

func TestI9_WhatIsMissingIsUnknown(t *testing.T) {
	for name, take := range gaps {
		t.Run(name, func(t *testing.T) {
			e := accepted(t)
			take(&e, verify.Gap{Cause: verify.Forbidden, Why: "this account may not"})
			v := verify.Judge(e)
			if v.Accepted || v.Unknown == 0 || v.Contradicted > 0 {
				t.Errorf("want unknown rules alone, got %q", states(v))
			}
		})
	}
	for i, l := range accepted(t).Live.Lists {
		t.Run(l.Kind, func(t *testing.T) {
			e := accepted(t)
			e.Live.Lists[i].Objects = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Unreachable})
			v := verify.Judge(e)
			if f, _ := v.Finding("G1"); v.Accepted || f.State != verify.Unknown {
				t.Errorf("G1 is %s; %q", f.State, states(v))
			}
		})
	}
}

// No evidence with a missing part is ever accepted, whatever the reason and
// whatever else is missing.
func TestI9_NothingMissingIsEverAccepted(t *testing.T) {
	var names []string
	for name := range gaps {
		names = append(names, name)
	}
	causes := []verify.Cause{verify.Unasked, verify.Unreachable, verify.Forbidden, verify.NoKind, verify.Absent, verify.Refused, verify.Elsewhere, verify.Failed}
	whole := accepted(t)
	rapid.Check(t, func(r *rapid.T) {
		e := whole
		e.Tekton.Live = slices.Clone(whole.Tekton.Live)
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, -1, rapid.ID[string]).Draw(r, "parts") {
			g := verify.Gap{Cause: rapid.SampledFrom(causes).Draw(r, "cause"), Why: "no"}
			if name == "run" && g.Cause == verify.Absent {
				continue // Tekton forgets; then the signature decides
			}
			gaps[name](&e, g)
			if v := verify.Judge(e); v.Accepted {
				r.Fatalf("accepted without %s (%s)", name, g.Cause)
			}
		}
	})
}

func TestI1_SkippedSaysSo(t *testing.T) {
	e := accepted(t)
	e.Skip, e.Worktree = true, verify.Seen[verify.Worktree]{}
	v := verify.Judge(e)
	if diff := cmp.Diff([]string{"I1 skipped"}, states(v)); diff != "" || !v.Accepted {
		t.Errorf("accepted %v, %s", v.Accepted, diff)
	}
	if !strings.HasSuffix(text(t, v), "accepted (worktree skipped)\n") {
		t.Errorf("the text does not say so:\n%s", text(t, v))
	}
}

func TestParse(t *testing.T) {
	e := accepted(t)
	e.Argo.Applications = verify.Seen[[]verify.Object]{}
	data, err := verify.Judge(e).Encode()
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.Parse("verdict", data)
	if err != nil || v.Accepted || v.Unknown == 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, edit := range [][2]string{
		{`"accepted": false`, `"accepted": true`},
		{`"kind": "Verdict"`, `"kind": "Catalog"`},
		{`"at": "2026`, `"at": "yesterday`},
		{`"lane"`, `"mood": 1, "lane"`},
		{`"object": "`, `"object": "\u001b[2J`},
	} {
		bad := strings.Replace(string(data), edit[0], edit[1], 1)
		if _, err := verify.Parse("verdict", []byte(bad)); bad == string(data) || err == nil {
			t.Errorf("%s is taken", edit[1])
		}
	}
}

// FuzzParse: what is taken for a verdict is one, and is written again as it was.
func FuzzParse(f *testing.F) {
	data, err := verify.Judge(accepted(f)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"apiVersion":"lane.agentrun.dev/v1","kind":"Verdict","links":[],"accepted":true}`))
	f.Add([]byte(`{"apiVersion":"\u001b[2J","kind":"Verdict"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := verify.Parse("v.json", data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\r\u202e") {
				t.Errorf("%q", err)
			}
			return
		}
		again, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range v.Links {
			for _, f := range c.Findings {
				if strings.ContainsAny(fmt.Sprint(f), "\x1b\r\n\u202e") {
					t.Errorf("%q is taken", f)
				}
			}
		}
		if w, err := verify.Parse("v.json", again); err != nil || !cmp.Equal(v, w) {
			t.Errorf("%v: %+v", err, w)
		}
		if v.Accepted != (v.Contradicted+v.Unknown == 0) {
			t.Errorf("accepted with %d and %d", v.Contradicted, v.Unknown)
		}
	})
}
