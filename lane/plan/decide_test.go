package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
)

func TestE4_ReusesByIdentityAlone(t *testing.T) {
	s := newShop(t)
	before := s.plan(nil)
	for _, svc := range before.Services {
		if svc.Decision != plan.Build || svc.Reasons[0] != "there is no catalog to compare with" {
			t.Errorf("without a catalog: %+v", svc)
		}
	}
	after := s.plan(before)
	for i, svc := range after.Services {
		want := plan.Service{
			ID: svc.ID, Decision: plan.Reuse, Identity: before.Services[i].Identity,
			Reasons: []string{"nothing it reads has changed since " + before.SourceCommitID[:8]},
		}
		if diff := cmp.Diff(want, svc); diff != "" {
			t.Errorf("nothing changed (-want +got):\n%s", diff)
		}
	}
	// The catalog's commit need not be an ancestor, nor be there at all.
	req := s.request(before)
	for id, was := range req.Previous {
		was.SourceCommitID = strings.Repeat("0", 40)
		if id == "api" {
			was.Identity = "sha256:" + strings.Repeat("0", 64)
		}
		req.Previous[id] = was
	}
	p, err := plan.Make(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p, "api", "not what was built from 00000000; that commit is not in this clone")
}

func TestE4_BuildsAgainWhenAsked(t *testing.T) {
	s := newShop(t)
	req := s.request(s.plan(nil))
	req.Rebuild, req.Exploratory = []string{"plain"}, true
	p, err := plan.Make(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	checkPlan(t, p, "plain", "asked to be built again; nothing it reads has changed since ")
	if !p.Exploratory {
		t.Error("the plan does not say that it is exploratory")
	}
	req.Rebuild = []string{"off"}
	if _, err = plan.Make(t.Context(), req); fail.CodeOf(err) != fail.Usage {
		t.Errorf("a service that is not enabled: %v", err)
	}
}

// TestF5_BuilderAndOwnImageAreInputs: what lane builds with is part of what it
// builds, and the reason says that it was not the source.
func TestF5_BuilderAndOwnImageAreInputs(t *testing.T) {
	s := newShop(t)
	before := s.plan(nil)
	s.loader.Builder = "buildkit v0.34.3"
	checkPlan(t, s.plan(before), "api plain tool web worker", "its source is as it was at "+before.SourceCommitID[:8]+"; what lane builds it with has changed")
	s.loader.Builder = "buildkit v0.34.2"
	s.loader.OwnImage = slices.Clone(s.loader.OwnImage)
	s.loader.OwnImage[0].Value = "2"
	checkPlan(t, s.plan(before), "api plain worker", "what lane builds it with has changed")
}

func TestExplainNamesInputsAndChanges(t *testing.T) {
	s := newShop(t)
	before := s.plan(nil)
	s.replace("internal/store/store.go", `"store"`, `"shop"`)
	e, err := plan.Explain(t.Context(), s.request(before), "api")
	if err != nil {
		t.Fatal(err)
	}
	if e.Decision != plan.Build || e.Since != before.SourceCommitID || e.Identity != s.plan(nil).Services[0].Identity {
		t.Errorf("%s since %s, identity %s", e.Decision, e.Since, e.Identity)
	}
	store := "file internal/store/store.go"
	if len(e.Changes) != 1 || e.Changes[0].Name != store || e.Changes[0].Before == e.Changes[0].After {
		t.Errorf("changes: %v", e.Changes)
	}
	var names []string
	for _, in := range e.Inputs {
		names = append(names, in.Name)
	}
	want := []string{
		"builder", "file cmd/api/main.go", "file internal/store/linux.go", "file internal/store/schema/one.sql", store,
		"go build flags", "go env CGO_ENABLED", "go env GO111MODULE", "go env GOAMD64", "go env GOARCH", "go env GODEBUG", "go env GOENV",
		"go env GOEXPERIMENT", "go env GOFIPS140", "go env GOFLAGS", "go env GOOS", "go env GOWORK", "go.mod go", "go.mod module",
		"module example.com/ext@v1.0.0", "module example.com/far@v1.0.0", "own dockerfile", "package", "platform", "service", "toolchain",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if _, err := plan.Explain(t.Context(), s.request(before), "nobody"); fail.CodeOf(err) != fail.Usage {
		t.Errorf("an unknown service: %v", err)
	}
}

// TestMemoChangesNoAnswer: the same plan with an empty, a warm, a damaged and an
// unusable cache.
func TestMemoChangesNoAnswer(t *testing.T) {
	s := newShop(t)
	want := s.plan(nil)
	s.loader.Memo = filepath.Join(t.TempDir(), "cache", "plan.memo")
	file := s.loader.Memo
	check := func(state string) []byte {
		t.Helper()
		if diff := cmp.Diff(want, s.plan(nil)); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", state, diff)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	full := check("empty")
	check("warm")
	for i := 0; i < len(full); i += 1 + len(full)/20 {
		bad := slices.Clone(full)
		bad[i] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(check("one bit changed")) != len(full) {
			t.Error("a damaged memo is not made anew")
		}
	}
	s.loader.Memo = filepath.Join(file, "no folder", "plan.memo")
	if diff := cmp.Diff(want, s.plan(nil)); diff != "" {
		t.Errorf("a cache that cannot be written (-want +got):\n%s", diff)
	}
}

// TestE2_E4_PlanReadsTheCommitOnly: nothing outside the commit has a say.
func TestE2_E4_PlanReadsTheCommitOnly(t *testing.T) {
	s := newShop(t)
	want := s.plan(nil)
	for name, value := range map[string]string{
		"GOOS": "windows", "GOARCH": "arm64", "GOAMD64": "v3", "CGO_ENABLED": "1", "GOEXPERIMENT": "nosuchthing",
		"GOFLAGS": "-tags=other -mod=mod", "GOWORK": "/nowhere/go.work", "GO111MODULE": "off", "GODEBUG": "embedfollowsymlinks=1",
	} {
		t.Setenv(name, value)
	}
	if diff := cmp.Diff(want, s.plan(nil)); diff != "" {
		t.Errorf("the environment changes the plan (-want +got):\n%s", diff)
	}
}

func TestComponentSaysWhatPublishNeeds(t *testing.T) {
	s := newShop(t)
	snap, err := s.loader.Snapshot(t.Context(), s.commit())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	all, err := snap.Components(t.Context(), s.intent().EnabledServices())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*plan.Component{}
	for _, c := range all {
		byID[c.ServiceID] = c
	}
	id := func(file string) string { return git.BlobID(s.files[file]) }
	file := func(path string) plan.File { return plan.File{Path: path, Mode: "100644", OID: id(path)} }

	worker := byID["worker"]
	worker.Inputs = nil
	want := &plan.Component{
		ServiceID: "worker", Package: "example.com/shop/cmd/worker", ModuleRoot: ".", Toolchain: "go1.26.8",
		Files: []plan.File{
			file("cmd/worker/main.go"), file("go.mod"), file("go.sum"),
			file("internal/fast/fast.go"), file("internal/fast/fast_amd64.s"), file("internal/fast/zero.h"),
			file("near/go.mod"), file("near/near.go"),
		},
		Modules: []plan.Module{{Path: "example.com/near", Version: "v0.0.0", Replace: &plan.Module{Path: "./near"}}},
	}
	if diff := cmp.Diff(want, worker); diff != "" {
		t.Errorf("worker (-want +got):\n%s", diff)
	}
	tool, web := byID["tool"], byID["web"]
	if tool.Bases["base"] != "registry.example.com/base@sha256:"+strings.Repeat("1", 64) || len(tool.Bases) != 1 || tool.HasRun {
		t.Errorf("tool: bases %v, RUN %v", tool.Bases, tool.HasRun)
	}
	if diff := cmp.Diff([]plan.File{file("web/static/css/web.css"), file("web/static/index.html")}, web.Copies); diff != "" || web.Package != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
}

func TestE4_NamesEverythingThatIsWrong(t *testing.T) {
	s := newShop(t)
	s.edit("-- cmd/api/main.go --\npackage api\n-- web/Dockerfile --\nFROM debian\n")
	_, err := plan.Make(t.Context(), s.request(nil))
	for _, want := range []string{
		"service api: cmd/api: it holds the package api, not a program",
		`service web: web/Dockerfile:1: FROM "debian" is neither an earlier stage nor an image of the lock (rule F5)`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %s", err, want)
		}
	}
}

// TestServicesMayShareAProgram: they share what they read and nothing else.
func TestServicesMayShareAProgram(t *testing.T) {
	s := newShop(t)
	s.replace(intent.Path, `"./cmd/worker"`, `"cmd/api"`)
	before := s.plan(nil)
	if before.Services[0].Identity == before.Services[4].Identity {
		t.Error("two services have one identity")
	}
	s.edit("-- internal/store/schema/one.sql --\nselect 1\n")
	checkPlan(t, s.plan(before), "api worker", "internal/store/schema/one.sql changed")
}

func TestPlanEndsWhenInterrupted(t *testing.T) {
	s := newShop(t)
	req := s.request(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := plan.Make(ctx, req); fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("error %v, code %d", err, fail.CodeOf(err))
	}
}
