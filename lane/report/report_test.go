package report_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/report"
	"github.com/pikasTech/agentrun/lane/verify"
)

var update = flag.Bool("update", false, "write the golden file anew")

var (
	commit = strings.Repeat("a1", 20)
	before = strings.Repeat("b2", 20)
	head   = strings.Repeat("c3", 20)
	at     = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func hash(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

func finding(rule, holds string, s verify.State, more ...verify.Observation) verify.Finding {
	return verify.Finding{Rule: rule, Holds: holds, State: s, Observations: more}
}

// shop is a lane with something in every state.
func shop() report.Document {
	saw := func(s verify.State, object, field, value, wanted, note, hint string) verify.Observation {
		return verify.Observation{State: s, Object: object, Field: field, Value: value, Wanted: wanted, Note: note, Hint: hint}
	}
	v := verify.Verdict{
		APIVersion: verify.APIVersion, Kind: verify.Kind, Project: "shop", Lane: "v0.3", At: at.Format(time.RFC3339),
		SourceCommitID: commit, GitopsCommitID: head, Contradicted: 1, Unknown: 1, Skipped: []verify.Link{verify.LinkWorktree},
		Links: []verify.Chain{
			{Link: verify.LinkLive, State: verify.Contradicted, Findings: []verify.Finding{
				finding("I8", "pods are ready", verify.Matched, saw(verify.Matched, "Pod api-7d-1 api", "imageID", hash("1"), "", "", "")),
				finding("H3", "live objects are what the GitOps branch says", verify.Contradicted,
					saw(verify.Contradicted, "Deployment api", "spec.replicas", "3", "2", "", ""),
					saw(verify.Matched, "Deployment api", "", "", "", "spec.paused is true, not nothing: hotfix pause of #12", "")),
			}},
			{Link: verify.LinkArgo, State: verify.Matched, Findings: []verify.Finding{
				finding("I4", "Synced and Healthy", verify.Matched, saw(verify.Matched, "Application shop", "status.sync.revision", head, "", "", "")),
			}},
			{Link: verify.LinkGitops, State: verify.Matched, Findings: []verify.Finding{
				finding("I5", "a render equals the branch", verify.Matched, saw(verify.Matched, "deploy/gitops", "files", "6 of 6", "", "", "")),
			}},
			{Link: verify.LinkTekton, State: verify.Unknown, Findings: []verify.Finding{
				finding("I10", "the run that promoted succeeded", verify.Unknown,
					saw(verify.Unknown, "PipelineRuns", "", "", "", "forbidden: this account may not list pipelineruns", "let an administrator grant it")),
			}},
			{Link: verify.LinkWorktree, State: verify.Skipped, Findings: []verify.Finding{
				finding("I1", "the source worktree is clean", verify.Skipped, saw(verify.Skipped, "K7:/srv", "", "", "", "left out", "")),
			}},
		},
	}
	d := report.Document{
		Verdict: v,
		Services: []report.Service{
			{
				ServiceStatus: verify.ServiceStatus{ServiceID: "api", Commit: commit, Digest: hash("1"), Live: []string{hash("1")}, Ready: 2, Wanted: 2},
				Status:        "published", Repository: "shop/api", Identity: hash("5"),
			},
			{
				ServiceStatus: verify.ServiceStatus{ServiceID: "mailer", Commit: before, Digest: hash("2")},
				Status:        "reused", Repository: "shop/mailer", Identity: hash("6"),
			},
		},
		Records: metadata.Records{
			Hold:     &metadata.Hold{SourceCommitID: commit, By: "Ann", Reason: "the migration runs", Since: "2026-01-02T03:00:00Z"},
			Hotfixes: []metadata.Hotfix{{Name: "pause", Issue: "#12", Reason: "the queue is full", By: "Ann", Scope: []metadata.Scope{{Object: "Deployment/api", Fields: []string{"spec.paused"}}}, WayBack: "unpause", FollowUp: "#13", RecordedAt: "2026-01-02T03:00:00Z", ExpiresAt: "2026-01-03T03:00:00Z"}},
			Problems: []error{errors.New("hotfixes/odd.json: it is no record")},
		},
		Notes: []string{"history: not reachable"},
	}
	d.Explain(map[string][]string{"api": {"cmd/api/main.go changed"}, "mailer": {"nothing it reads has changed"}})
	d.Add(report.Event{At: at, What: "the lane was looked at"}, report.Event{At: at.Add(-time.Hour), What: "PipelineRun x ended: Succeeded", State: verify.Matched}, report.Event{What: "never"})
	return d
}

func draw(t testing.TB, d report.Document) string {
	t.Helper()
	page, err := report.HTML(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestPageIsAsInTheGoldenFile(t *testing.T) {
	const golden = "testdata/page.html"
	got := draw(t, shop())
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-golden +got:\n%s", diff)
	}
	if again := draw(t, shop()); again != got {
		t.Error("the same document gives another page")
	}
}

// hostile is everything that somebody could want a page to do.
const hostile = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover=alert(3) {{.}} javascript:alert(4)\x1b[2J\u202egnp.exe\u2066\u200b\x00\r\n"

// fill puts the hostile text into every string of a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field)
			}
		}
	}
}

// evil is the shop with a hostile text in every field.
func evil() report.Document {
	d := shop()
	fill(reflect.ValueOf(&d).Elem())
	d.Records.Problems = []error{errors.New(hostile)}
	return d
}

func TestHostileTextsAreText(t *testing.T) {
	page := draw(t, evil())
	for _, live := range []string{"<script", "<img", "onerror=alert(2)>", "\" onmouseover", "' onmouseover", "\x1b", "\u202e", "\u2066", "\u200b", "\x00", "\r"} {
		if strings.Contains(page, live) {
			t.Errorf("the page has %q", live)
		}
	}
	for _, r := range page {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("the page has %U", r)
		}
	}
	if n := strings.Count(page, "</style>"); n != 1 {
		t.Errorf("%d ends of style", n)
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 20 {
		t.Errorf("%d hostile texts are shown", n)
	}
}

func FuzzHTML(f *testing.F) {
	f.Add(hostile)
	f.Add("plain")
	f.Fuzz(func(t *testing.T, s string) {
		d := shop()
		d.Verdict.Project, d.Verdict.Links[0].Findings[0].Rule, d.Services[0].ServiceID, d.Timeline[0].What = s, s, s, s
		d.Verdict.Links[1].Link, d.Verdict.Links[1].State = verify.Link(s), verify.State(s)
		page := draw(t, d)
		for _, r := range page {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("the page has %U", r)
			}
		}
		if strings.Count(page, "<script") > 0 || strings.Count(page, "<style") != 1 {
			t.Error("the text is not text")
		}
	})
}

// many is a lane of n services.
func many(n int) report.Document {
	d := shop()
	d.Services = nil
	for i := range n {
		digest := fmt.Sprintf("sha256:%064x", i)
		d.Services = append(d.Services, report.Service{
			ServiceStatus: verify.ServiceStatus{ServiceID: fmt.Sprintf("service-%04d", i), Commit: commit, Digest: digest, Live: []string{digest}, Ready: 2, Wanted: 2},
			Status:        "reused", Repository: fmt.Sprintf("shop/service-%04d", i), Identity: digest, Reasons: []string{"nothing it reads has changed since a1a1a1a1"},
		})
		d.Add(report.Event{At: at, What: fmt.Sprintf("the newest pod of service-%04d was made", i)})
	}
	return d
}

func TestAThousandServicesAreBelowOneMegabyte(t *testing.T) {
	page := draw(t, many(1000))
	if len(page) >= 1_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	if n := strings.Count(page, "<th scope=\"row\">"); n != 1000 {
		t.Errorf("%d services", n)
	}
	t.Logf("%d bytes", len(page))
}

// TestOfTellsWhatWasSeen: without any evidence the page says so.
func TestOfTellsWhatWasSeen(t *testing.T) {
	e := verify.Evidence{At: at}
	e.Tekton.Run = verify.See(verify.Object{
		"kind": "PipelineRun", "metadata": map[string]any{"name": "run-1", "creationTimestamp": "2026-01-02T03:00:00Z"},
		"status": map[string]any{"completionTime": "2026-01-02T03:01:00Z", "conditions": []any{map[string]any{"type": "Succeeded", "status": "False", "reason": "Failed"}}},
	})
	d := report.Of(e, verify.Judge(e))
	var told []string
	for _, ev := range d.Timeline {
		told = append(told, ev.At.Format("15:04")+" "+string(ev.State)+" "+ev.What)
	}
	want := []string{"03:00  PipelineRun run-1 was made", "03:01 contradicted PipelineRun run-1 ended: Failed", "03:04  the lane was looked at"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if len(d.Notes) != 1 || len(d.Amiss()) == 0 || !bytes.Contains([]byte(draw(t, d)), []byte("the GitOps branch was not seen")) {
		t.Errorf("%+v", d.Notes)
	}
}

func BenchmarkHTML(b *testing.B) {
	d := many(1000)
	for b.Loop() {
		if _, err := report.HTML(d); err != nil {
			b.Fatal(err)
		}
	}
}
