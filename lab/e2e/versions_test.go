package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lab/lanes"
)

// nextVersion opens lane v0.2 of the source as one who operates lanes does: with the
// patch that lane open gives, on a branch of its own. It has v0.1's caches, so that
// its first release is not a cold one.
func (s *stage) nextVersion() *stage {
	s.Helper()
	const lane, patch = "v0.2", "v0.2.patch"
	source := filepath.Join(s.TempDir(), "source")
	s.must(s.Git(s.lasting(), "clone", "-q", s.Clone, source))
	if s.must(s.Git(s.lasting(), "ls-remote", "origin", "refs/heads/"+lane)) == "" {
		s.lane("open", lane, "--from", s.Names.Lane, "--patch", filepath.Join(source, "..", patch))
		s.must(s.Git(s.lasting(), "-C", source, "apply", filepath.Join(source, "..", patch)))
		s.must(s.Git(s.lasting(), "-C", source, "commit", "-q", "-a", "-m", "lane v0.2"))
		s.must(s.Git(s.lasting(), "fetch", "-q", source, "+HEAD:refs/e2e/next"))
		s.must(s.Git(s.lasting(), "push", "-q", "origin", "refs/e2e/next:refs/heads/"+lane))
	} else {
		s.must(s.Git(s.lasting(), "fetch", "-q", "origin", "+refs/heads/"+lane+":refs/e2e/next"))
		s.must(s.Git(s.lasting(), "-C", source, "fetch", "-q", s.Clone, "refs/e2e/next"))
		s.must(s.Git(s.lasting(), "-C", source, "checkout", "-q", "FETCH_HEAD"))
	}
	// Of a lane that was retired the claim goes when nothing is left of its runs.
	if s.kubectl("-n", s.Names.TektonNamespace, "get", "pvc", "agentrun-v02-ci", "--ignore-not-found", "-o", "jsonpath={.metadata.deletionTimestamp}") != "" {
		s.kubectl("-n", s.Names.TektonNamespace, "delete", "pipelinerun", "-l", "lane.agentrun.dev/lane="+lane)
		s.kubectl("-n", s.Names.TektonNamespace, "wait", "--for=delete", "pvc/agentrun-v02-ci", "--timeout=60s")
	}
	s.lendCaches("agentrun-v02-ci")
	s.lane("open", lane, "--from", s.Names.Lane, "--apply")
	// What is left are the lane's Secrets and its database.
	o := here.options
	o.Repository, o.Commit = source, "HEAD"
	opened, err := lanes.Open(s.lasting(), s.Lab, o)
	s.ok(err)
	two := &stage{Lane: opened, T: s.T}
	two.lane("hold", "--release", "--by", "e2e") // of a lane that was retired
	return two
}

// lendCaches makes the volume of a claim that is yet to be made one that has this lane's
// caches.
func (s *stage) lendCaches(claim string) {
	s.Helper()
	if _, err := s.Lab.Kubectl(s.Context(), "", "-n", s.Names.TektonNamespace, "get", "pvc", claim); err == nil {
		return
	}
	name := s.kubectl("get", "pv", "-o", `jsonpath={.items[?(@.status.phase=="Available")].metadata.name}`)
	name, _, _ = strings.Cut(name, " ")
	to := filepath.Join(s.Lab.Dir, "data", "volumes", name, "cache")
	s.ok(os.MkdirAll(to, 0o755))
	s.ok(os.Chown(to, 65532, 65532))
	for _, cache := range []string{"go-build", "go-mod"} {
		out, err := exec.CommandContext(s.Context(), "cp", "-a", s.volume("cache", cache), to).CombinedOutput()
		if err != nil {
			s.Fatalf("copying the cache: %v: %s", err, out)
		}
	}
	s.kubectl("patch", "pv", name, "-p", `{"spec":{"claimRef":{"namespace":"`+s.Names.TektonNamespace+`","name":"`+claim+`"}}}`)
}

// belongings is everything that a lane has, as far as it does not change by itself.
func (s *stage) belongings() string {
	s.Helper()
	var all []string
	as := func(fields string) string { return "custom-columns=" + fields }
	n := s.Names
	whole := "K:.kind,N:.metadata.name,U:.metadata.uid,V:.metadata.resourceVersion"
	for _, args := range [][]string{
		{"-n", n.RuntimeNamespace, "get", "deployments,replicasets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,persistentvolumeclaims", "-o", as(whole)},
		{"-n", n.RuntimeNamespace, "get", "pods", "-o", as("N:.metadata.name,U:.metadata.uid,R:.status.containerStatuses[*].restartCount")},
		{"-n", n.TektonNamespace, "get", "pipelines,pipelineruns,taskruns,persistentvolumeclaims,serviceaccounts", "-l", "lane.agentrun.dev/lane=" + n.Lane, "-o", as(whole)},
		{"get", "namespace", n.RuntimeNamespace, "-o", as(whole)},
		{"-n", n.ArgoNamespace, "get", "appproject", n.ArgoAppProject, "-o", as("U:.metadata.uid,S:.spec")},
		// Argo CD writes the time of each look into the status.
		{"-n", n.ArgoNamespace, "get", "application", n.ArgoApplication, "-o", as("U:.metadata.uid,S:.spec,L:.metadata.labels,H:.status.history,R:.status.sync.revision,O:.status.operationState.finishedAt")},
	} {
		all = append(all, s.kubectl(args...))
	}
	all = append(all, s.must(s.Git(s.lasting(), "ls-remote", "origin", "refs/heads/"+n.SourceBranch, "refs/heads/"+n.GitopsBranch)))
	return strings.Join(all, "\n")
}

// TestA4_TwoVersionsSideBySide: releases of v0.1 and v0.2 at the same time; each is
// accepted, and nothing of the one changes while the other is released.
func TestA4_TwoVersionsSideBySide(t *testing.T) {
	one := theLane(t)
	two := one.nextVersion()
	same := two.same(one) // before what v0.1 has makes its checks wait

	one.hold()
	first := one.commit("v0.1: it waits while v0.2 is released")
	waiting := one.begin(first)
	_, letGo := one.held(first)
	before := one.belongings()
	two.released("first release of v0.2", same)
	if now := one.belongings(); now != before {
		t.Errorf("the release of v0.2 changed v0.1: %s", difference(before, now))
	}
	if v := two.verify(); !v.Accepted {
		t.Errorf("v0.2 is not accepted: %s", strings.Join(wrong(v), "\n"))
	}
	if v := one.verify(); !v.Accepted {
		t.Errorf("v0.1 is not accepted while its release waits: %s", strings.Join(wrong(v), "\n"))
	}

	before = two.belongings()
	if strings.Contains(before, one.Names.RuntimeNamespace) {
		t.Errorf("v0.2 has something of v0.1: %s", before)
	}
	letGo()
	r := one.ended(waiting)
	one.ends(r.Result, 0)
	if now := two.belongings(); now != before {
		t.Errorf("the release of v0.1 changed v0.2: %s", difference(before, now))
	}
	one.unhold()
	one.touch("agentrun-runner")
	one.released("one service changed", one.commit("v0.1: runner"))
	if now := two.belongings(); now != before {
		t.Errorf("the release of v0.1 changed v0.2: %s", difference(before, now))
	}
	for _, s := range []*stage{one, two} {
		if v := s.verify(); !v.Accepted {
			t.Errorf("%s is not accepted: %s", s.Names.Lane, strings.Join(wrong(v), "\n"))
		}
	}
	both, err := one.Try(t.Context(), "status", "--all-lanes")
	one.ok(err)
	one.ends(both, 0, "v0.1: released ", "v0.2: released ", "Synced, Healthy; drift 0")
	if a, b := one.catalog()["agentrun-mgr"].Digest, two.catalog()["agentrun-mgr"].Digest; a != b {
		t.Errorf("F6: both lanes have the same agentrun-mgr, and it is %s and %s", a, b)
	}
}

// same commits what the other lane has of everything that is not a lane's own, and
// something that no service reads.
func (s *stage) same(other *stage) string {
	s.Helper()
	s.must(s.Git(s.lasting(), "fetch", "-q", other.Clone, "HEAD"))
	for _, path := range strings.Fields(s.must(s.Git(s.lasting(), "diff", "--name-only", "--diff-filter=A", "FETCH_HEAD", "HEAD"))) {
		s.must(s.Git(s.lasting(), "rm", "-q", "-f", path))
	}
	s.must(s.Git(s.lasting(), "checkout", "-q", "FETCH_HEAD", "--", "."))
	s.must(s.Git(s.lasting(), "checkout", "-q", "HEAD", "--", "deploy/deploy.json", "docs")) // which name the lane
	return s.readme()
}

// difference is the lines that only one of two texts has.
func difference(before, now string) string {
	var out []string
	for _, side := range []struct{ mark, text, other string }{{"-", before, now}, {"+", now, before}} {
		for line := range strings.Lines(side.text) {
			if !strings.Contains(side.other, line) {
				out = append(out, side.mark+strings.TrimSpace(line))
			}
		}
	}
	return "\n" + strings.Join(out, "\n")
}
