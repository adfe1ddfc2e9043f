package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// pod is what is read of a pod.
type pod struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		HostNetwork bool        `json:"hostNetwork"`
		DNS         string      `json:"dnsPolicy"`
		Init        []container `json:"initContainers"`
		Containers  []container `json:"containers"`
		Security    struct {
			NonRoot *bool   `json:"runAsNonRoot"`
			Seccomp seccomp `json:"seccompProfile"`
		} `json:"securityContext"`
	} `json:"spec"`
}

type container struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	Security struct {
		NonRoot      *bool `json:"runAsNonRoot"`
		Privileged   *bool `json:"privileged"`
		Escalation   *bool `json:"allowPrivilegeEscalation"`
		Capabilities struct {
			Add  []string `json:"add"`
			Drop []string `json:"drop"`
		} `json:"capabilities"`
		Seccomp seccomp `json:"seccompProfile"`
	} `json:"securityContext"`
}

type seccomp struct {
	Type string `json:"type"`
	File string `json:"localhostProfile"`
}

func is(b *bool, wanted bool) bool { return b != nil && *b == wanted }

// restricted says what of a container is more than the level "restricted" allows.
func restricted(p pod, c container) []string {
	var found []string
	note := func(wrong bool, what string) {
		if wrong {
			found = append(found, p.Metadata.Name+" "+c.Name+": "+what)
		}
	}
	note(!is(c.Security.Escalation, false), "may escalate")
	note(is(c.Security.Privileged, true), "is privileged")
	note(len(c.Security.Capabilities.Add) > 0 || !slices.Equal(c.Security.Capabilities.Drop, []string{"ALL"}), "has capabilities")
	note(!is(c.Security.NonRoot, true) && (c.Security.NonRoot != nil || !is(p.Spec.Security.NonRoot, true)), "may be root")
	return found
}

var byDigest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// TestE5_F2_FirstRelease: every pod of the pipeline is restricted, BuildKit's
// too; what runs is pinned by digest and is what the catalog names.
func TestE5_F2_FirstRelease(t *testing.T) {
	s := theLane(t)
	r := here.first
	if r.Run.State != "succeeded" || r.Run.Outcome != "promoted" && r.Run.Outcome != "nothing-to-change" {
		t.Fatalf("the first release is %+v", r.Run)
	}
	var pods struct{ Items []pod }
	s.object(&pods, "-n", s.Names.TektonNamespace, "get", "pods", "-l", "tekton.dev/pipelineRun="+r.Run.Name)
	if len(pods.Items) < 4 {
		t.Errorf("the run has %d pods", len(pods.Items))
	}
	for _, p := range pods.Items {
		if !p.Spec.HostNetwork || p.Spec.DNS != "ClusterFirstWithHostNet" {
			t.Errorf("B2: %s is not on the host's network: %s", p.Metadata.Name, p.Spec.DNS)
		}
		steps := 0
		for _, c := range p.Spec.Containers {
			steps++
			for _, wrong := range restricted(p, c) {
				t.Error(wrong)
			}
			if !byDigest.MatchString(c.Image) {
				t.Errorf("%s %s is not pinned: %s", p.Metadata.Name, c.Name, c.Image)
			}
			wanted := seccomp{Type: "RuntimeDefault"}
			if c.Name == "step-publish" { // which makes a user namespace
				wanted = seccomp{Type: "Localhost", File: cluster.SeccompProfile}
			}
			if c.Security.Seccomp != wanted {
				t.Errorf("%s %s has the seccomp profile %q", p.Metadata.Name, c.Name, c.Security.Seccomp)
			}
		}
		if steps == 0 {
			t.Errorf("%s has no step", p.Metadata.Name)
		}
	}
	var running struct{ Items []pod }
	// Runs of users keep the image of the release that they began on: rule I8 judges them.
	s.object(&running, "-n", s.Names.RuntimeNamespace, "get", "pods", "-l", "!agentrun.dev/run")
	if len(running.Items) == 0 {
		t.Error("nothing runs")
	}
	for _, p := range running.Items {
		if p.Spec.Security.Seccomp.Type != "RuntimeDefault" {
			t.Errorf("%s has the seccomp profile %q", p.Metadata.Name, p.Spec.Security.Seccomp.Type)
		}
		for _, c := range append(p.Spec.Init, p.Spec.Containers...) {
			for _, wrong := range restricted(p, c) {
				t.Error(wrong)
			}
			if !byDigest.MatchString(c.Image) {
				t.Errorf("%s %s is not pinned: %s", p.Metadata.Name, c.Name, c.Image)
			}
			if image := s.catalog()[c.Name]; image.Digest != "" && !strings.HasSuffix(c.Image, image.Digest) {
				t.Errorf("%s %s runs %s, the catalog has %s", p.Metadata.Name, c.Name, c.Image, image.Digest)
			}
		}
	}
}

// image is a service in the catalog.
type image struct{ Status, Commit, Digest string }

// catalog is the services of the catalog on the GitOps branch.
func (s *stage) catalog() map[string]image {
	s.Helper()
	var c struct {
		Services []struct {
			ID     string `json:"serviceId"`
			Status string `json:"status"`
			Commit string `json:"sourceCommitId"`
			Image  struct {
				Digest string `json:"digest"`
			} `json:"image"`
		} `json:"services"`
	}
	s.ok(json.Unmarshal([]byte(s.gitops("show", "@:"+s.Names.ArtifactCatalog)), &c))
	all := map[string]image{}
	for _, service := range c.Services {
		all[service.ID] = image{service.Status, service.Commit, service.Image.Digest}
	}
	return all
}

// TestE4_OneServiceChanged: one image is built, the other reused, and the pods of
// the other are the same ones.
func TestE4_OneServiceChanged(t *testing.T) {
	s := theLane(t)
	pods, before := s.pods("agentrun-mgr"), s.catalog()
	s.touch("agentrun-runner")
	commit := s.commit("runner: another program")
	s.released("one service changed", commit)
	after := s.catalog()
	if got, was := after["agentrun-mgr"], before["agentrun-mgr"]; got.Status != "reused" || got.Digest != was.Digest || got.Commit != was.Commit {
		t.Errorf("agentrun-mgr is %+v, was %+v", got, was)
	}
	if got, was := after["agentrun-runner"], before["agentrun-runner"]; got.Status != "published" || got.Digest == was.Digest || got.Commit != commit {
		t.Errorf("agentrun-runner is %+v, was %+v", got, was)
	}
	if now := s.pods("agentrun-mgr"); now != pods {
		t.Errorf("agentrun-mgr was restarted: %s, now %s", pods, now)
	}
	if template := s.kubectl("-n", s.Names.RuntimeNamespace, "get", "configmaps", "-o", "yaml"); !strings.Contains(template, after["agentrun-runner"].Digest) {
		t.Error("the template of the runner's Jobs has another image")
	}
	s.accepted()

	// The other way round its pods have to be others: else this test sees nothing.
	s.touch("agentrun-mgr")
	s.released("one service changed, rolled out", s.commit("mgr: another program"))
	if now := s.pods("agentrun-mgr"); now == pods {
		t.Errorf("agentrun-mgr changed and was not restarted: %s", now)
	}
	s.accepted()
}

// TestF7_NothingChanged: a commit that no service reads publishes nothing, restarts
// nothing, and changes the catalog at most.
func TestF7_NothingChanged(t *testing.T) {
	s := theLane(t)
	pods, before, tags, catalog := s.pods("agentrun-mgr"), s.gitopsHead(), s.tags(), s.catalog()
	commit := s.readme()
	r := s.released("nothing changed", commit)
	if publish := r.Run.Task("publish"); publish.State != "skipped" || publish.Pod != "" {
		t.Errorf("publish is %+v", publish)
	}
	if now := s.pods("agentrun-mgr"); now != pods {
		t.Errorf("agentrun-mgr was restarted: %s, now %s", pods, now)
	}
	if now := s.tags(); now != tags {
		t.Errorf("the registry has other images: %s, now %s", tags, now)
	}
	if s.gitopsHead() == before {
		t.Error("the catalog does not name the commit")
	}
	if changed := s.gitops("diff", "--name-only", before, "@"); changed != s.Names.ArtifactCatalog {
		t.Errorf("the GitOps commit changes %q", changed)
	}
	if parent := s.gitops("rev-parse", "@^"); parent != before {
		t.Errorf("there is more than one commit on top of %s: %s", before, parent)
	}
	for id, now := range s.catalog() {
		if was := catalog[id]; now.Digest != was.Digest || now.Status != "reused" {
			t.Errorf("%s is %+v, was %+v", id, now, was)
		}
	}
	if head := s.must(s.Git(s.Context(), "ls-remote", "origin", "refs/heads/"+s.Names.SourceBranch)); !strings.HasPrefix(head, commit) {
		t.Errorf("the source branch is at %s, not %s", head, commit)
	}
	if v := s.verify(); !v.Accepted || v.Commit != commit {
		t.Errorf("not accepted at %s: %s", v.Commit, strings.Join(wrong(v), "\n"))
	}
	again := s.release(commit)
	s.ends(again.Result, 0)
	if again.Action != "reported" || again.Run.Name != r.Run.Name {
		t.Errorf("a second time it did not report %s: %s %+v", r.Run.Name, again.Action, again.Run)
	}
}
