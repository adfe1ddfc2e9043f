package names_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

var g14 = names.Cluster{Name: "g14", Host: "G14", WorktreeRoot: "/root"}

func TestA2_TheSpecificationsTable(t *testing.T) {
	got, err := names.For("agentrun", "v0.1", g14, "agentrun-ci")
	if err != nil {
		t.Fatal(err)
	}
	want := names.Names{
		Project: "agentrun", Lane: "v0.1", Cluster: "g14",
		SourceBranch:         "v0.1",
		SourceWorktree:       "G14:/root/agentrun-v01",
		TaskWorktree:         "G14:/root/agentrun-v01/.worktree/{task}",
		GitopsBranch:         "v0.1-gitops",
		ArtifactCatalog:      "deploy/artifact-catalog.v01.json",
		RuntimePath:          "deploy/gitops/g14/runtime-v01",
		RuntimeNamespace:     "agentrun-v01",
		Database:             "agentrun_v01",
		TektonNamespace:      "agentrun-ci",
		Pipeline:             "agentrun-v01-ci-image-publish",
		TektonServiceAccount: "agentrun-v01-tekton-runner",
		PipelineRunPrefix:    "agentrun-v01-ci-",
		ArgoNamespace:        "argocd",
		ArgoAppProject:       "agentrun-v01",
		ArgoApplication:      "agentrun-g14-v01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	commit := strings.Repeat("0123456789", 4)
	if got, want := got.PipelineRun(commit, 2), "agentrun-v01-ci-"+commit[:12]+"-2"; got != want {
		t.Errorf("PipelineRun: %s, want %s", got, want)
	}
	if got.SourceRef() != "refs/heads/v0.1" || got.GitopsRef() != "refs/heads/v0.1-gitops" {
		t.Errorf("refs %s %s", got.SourceRef(), got.GitopsRef())
	}
}

// owned are the names of a lane that no other lane may have.
func owned(n names.Names) map[string]string {
	shared := map[string]bool{"Project": true, "Lane": true, "Cluster": true, "TektonNamespace": true, "ArgoNamespace": true}
	out := map[string]string{}
	v := reflect.ValueOf(n)
	for i := range v.NumField() {
		if f := v.Type().Field(i).Name; !shared[f] {
			out[f] = v.Field(i).String()
		}
	}
	return out
}

func TestA4_LanesShareNoName(t *testing.T) {
	version := rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(0, 120)
		return "v" + strconv.Itoa(n.Draw(t, "major")) + "." + strconv.Itoa(n.Draw(t, "minor"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := version.Draw(t, "a"), version.Draw(t, "b")
		if a == b {
			return
		}
		na, err := names.For("agentrun", a, g14, "agentrun-ci")
		if err != nil {
			t.Fatal(err)
		}
		nb, err := names.For("agentrun", b, g14, "agentrun-ci")
		if err != nil {
			t.Fatal(err)
		}
		for f, x := range owned(na) {
			for g, y := range owned(nb) {
				if f == g && (x == y || strings.HasPrefix(x, y+"/") || strings.HasPrefix(y, x+"/")) {
					t.Fatalf("%s and %s share %s: %s %s", a, b, f, x, y)
				}
			}
		}
	})
	for _, v := range []string{"v0.1", "v0.2", "v0.10", "v1.0", "v10.0", "v1.11", "v11.1"} {
		if _, err := names.For("agentrun", v, g14, "agentrun-ci"); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, project, lane string
		cluster             names.Cluster
		namespace, rule     string
	}{
		{"A1 no version", "agentrun", "main", g14, "agentrun-ci", "A1"},
		{"A1 leading zero", "agentrun", "v0.01", g14, "agentrun-ci", "A1"},
		{"A1 three parts", "agentrun", "v0.1.2", g14, "agentrun-ci", "A1"},
		{"A1 project like a lane", "agentrun-v01", "v0.1", g14, "agentrun-ci", "A1"},
		{"A1 project in capitals", "AgentRun", "v0.1", g14, "agentrun-ci", "A1"},
		{"A1 project too long", strings.Repeat("a", 25), "v0.1", g14, "agentrun-ci", "A1"},
		{"A1 cluster with hyphen", "agentrun", "v0.1", names.Cluster{Name: "g-14", Host: "G14", WorktreeRoot: "/root"}, "agentrun-ci", "A1"},
		{"A1 path escapes", "agentrun", "v0.1", names.Cluster{Name: "g14", Host: "G14", WorktreeRoot: "/root/../etc"}, "agentrun-ci", "A1"},
		{"A5 dev project", "shop-dev", "v0.1", g14, "agentrun-ci", "A5"},
		{"A5 prod cluster", "agentrun", "v0.1", names.Cluster{Name: "prod", Host: "G14", WorktreeRoot: "/root"}, "agentrun-ci", "A5"},
		{"A5 dev namespace", "agentrun", "v0.1", g14, "shop-dev", "A5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := names.For(tt.project, tt.lane, tt.cluster, tt.namespace)
			if fail.RuleOf(err) != tt.rule || fail.CodeOf(err) != fail.Refused || fail.HintOf(err) == "" {
				t.Errorf("got %v (hint %q), want a refusal by %s", err, fail.HintOf(err), tt.rule)
			}
		})
	}
}
