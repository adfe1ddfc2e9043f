package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// TestI9_NoKubeconfig: without a way to the cluster nothing is passed.
func TestI9_NoKubeconfig(t *testing.T) {
	s := theLane(t)
	missing := filepath.Join(t.TempDir(), "none")
	s.unseen("--kubeconfig="+missing, missing)
	r := s.release(s.sourceHead(), "--kubeconfig", missing)
	s.ends(r.Result, 1, missing, "hint:")
}

// unseen looks at what status and verify say when they cannot see the cluster.
func (s *stage) unseen(flag string, words ...string) {
	s.Helper()
	status, err := s.Try(s.Context(), "status", flag)
	s.ok(err)
	s.ends(status, 0, append(words, "not seen: Application", "drift: unknown")...)
	v, err := s.Verify(s.Context(), flag)
	s.ok(err)
	if v.Accepted || v.Code != 3 || v.Unknown == 0 {
		s.Errorf("verify ends with %d, %d unknown", v.Code, v.Unknown)
	}
	for _, rule := range []string{"I3", "I4", "I8", "I10", "H2", "H3", "G1"} {
		if f := v.Finding(rule); f.State != "unknown" {
			s.Errorf("%s is %s", rule, f.State)
		}
	}
	said := strings.Join(wrong(v), "\n")
	for _, w := range words {
		if !strings.Contains(said, w) {
			s.Errorf("verify does not say %q:\n%s", w, said)
		}
	}
}

// TestI9_Forbidden: what is not allowed is named, with the permission.
func TestI9_Forbidden(t *testing.T) {
	s := theLane(t)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	access, err := clientcmd.LoadFromFile(s.Lab.Kubeconfig())
	s.ok(err)
	for _, user := range access.AuthInfos {
		user.Impersonate = "somebody"
	}
	s.ok(clientcmd.WriteToFile(*access, config))
	s.unseen("--kubeconfig="+config, "forbidden", "somebody")
	r := s.release(s.readme(), "--kubeconfig", config)
	s.ends(r.Result, 1, "forbidden", "pipelineruns", "hint: let an administrator grant it")
}

// TestE1_WebhookDown: no run is made, and the error says who did not answer.
func TestE1_WebhookDown(t *testing.T) {
	s := theLane(t)
	commit := s.readme()
	start := s.stop("tekton-webhook")
	r := s.release(commit)
	s.ends(r.Result, 1, "webhook", "hint:")
	if runs := s.kubectl("-n", s.Names.TektonNamespace, "get", "pipelineruns", "-l", "lane.agentrun.dev/commit="+commit, "-o", "name"); runs != "" {
		t.Errorf("there is a run: %s", runs)
	}
	start()
	s.released("nothing changed", commit)
	s.accepted()
}

// TestE1_APIServerGoneMidway: a followed run is found again when the API server is
// back; without one every command says so.
func TestE1_APIServerGoneMidway(t *testing.T) {
	s := theLane(t)
	s.hold()
	commit := s.commit("it waits while the API server goes")
	ends := s.begin(commit)
	_, letGo := s.held(commit)
	start := s.stop("apiserver")
	s.unseen("--kubeconfig="+s.Lab.Kubeconfig(), "connection refused")
	r := s.release(commit)
	s.ends(r.Result, 1, "connection refused", "hint:")
	start()
	letGo()
	followed := s.ended(ends)
	s.ends(followed.Result, 0)
	s.accepted()
	s.unhold()
	s.commit("nothing waits any more")
}

// TestE1_RunDeletedWhileFollowed: who follows it is told, and how to begin again.
func TestE1_RunDeletedWhileFollowed(t *testing.T) {
	s := theLane(t)
	s.hold()
	commit := s.commit("its run is deleted")
	ends := s.begin(commit)
	run, letGo := s.held(commit)
	s.kubectl("-n", s.Names.TektonNamespace, "delete", "pipelinerun", run)
	letGo()
	r := s.ended(ends)
	s.ends(r.Result, 1, run, "deleted while it was followed", "hint:", "lane", "release --commit "+commit)
	s.unhold()
	s.released("nothing changed", s.commit("nothing waits any more"))
	s.accepted()
}

// TestG3_I4_ApplicationMeddledWith: missing, paused, and pointing elsewhere.
func TestG3_I4_ApplicationMeddledWith(t *testing.T) {
	s := theLane(t)
	app := []string{"-n", s.Names.ArgoNamespace, "application", s.Names.ArgoApplication}
	patch := func(text string) {
		s.kubectl("-n", app[1], "patch", app[2], app[3], "--type=merge", "--field-manager=somebody", "-p", text)
	}
	mend := func() {
		t.Helper()
		r, err := s.Try(s.lasting(), "objects", "argo", "--apply")
		s.ok(err)
		s.ends(r, 0)
		s.accepted()
	}
	for _, c := range []struct {
		what  string
		do    func()
		rule  string
		words []string
	}{
		{"paused", func() { patch(`{"spec":{"syncPolicy":{"automated":null}}}`) }, "E7", []string{"syncPolicy.automated", "paused"}},
		{"pointing elsewhere", func() { patch(`{"spec":{"source":{"targetRevision":"refs/heads/` + s.Names.SourceBranch + `"}}}`) }, "G3", []string{"spec.source.targetRevision", "refs/heads/" + s.Names.SourceBranch + ","}},
		{"missing", func() { s.kubectl("-n", app[1], "delete", app[2], app[3]) }, "I4", []string{"Application " + app[3], "not there"}},
	} {
		c.do()
		s.contradicted(c.rule, c.words...)
		mend()
	}
}
