package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// stopped releases a commit that has to fail at check, with these words in the log,
// and looks whether it left nothing in the registry and on the GitOps branch.
func (s *stage) stopped(what, commit, step string, words ...string) {
	s.Helper()
	tags, head, pods := s.tags(), s.gitopsHead(), s.pods("agentrun-mgr")
	r := s.release(commit)
	s.ends(r.Result, 1, words...)
	if r.Failure == nil || r.Failure.Task != "check" || r.Failure.Step != step {
		s.Errorf("%s: it failed at %+v, not at check's %s", what, r.Failure, step)
	}
	for _, task := range []string{"publish", "promote"} {
		if got := r.Run.Task(task); got.Pod != "" || got.State != "skipped" {
			s.Errorf("%s: %s is %+v", what, task, got)
		}
	}
	if now := s.tags(); now != tags {
		s.Errorf("%s: the registry has other images: %s, now %s", what, tags, now)
	}
	if now := s.gitopsHead(); now != head {
		s.Errorf("%s: the GitOps branch moved from %s to %s", what, head, now)
	}
	if now := s.pods("agentrun-mgr"); now != pods {
		s.Errorf("%s: agentrun-mgr was restarted: %s, now %s", what, pods, now)
	}
}

// TestE3_B5_CheckStopsARelease: a failing test, a finding and an intent that cannot
// be rendered end the run before anything leaves it, though the commit changes a
// service as well.
func TestE3_B5_CheckStopsARelease(t *testing.T) {
	s := theLane(t)
	good := s.sourceHead()
	s.touch("agentrun-runner")
	for _, c := range []struct {
		what, step string
		change     func()
		words      []string
	}{
		{"a failing unit test", "tests", func() {
			s.write("lane/names/e2e_test.go", "package names\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Error(\"it fails on purpose\") }\n")
		}, []string{"it fails on purpose", "check failed at step tests"}},
		{"a catalog under another name", "rules", func() {
			s.must(s.Git(t.Context(), "rm", "-q", "-f", "lane/names/e2e_test.go"))
			s.write("docs/notes/state.json", s.gitops("show", "@:"+s.Names.ArtifactCatalog)+"\n")
		}, []string{"docs/notes/state.json", "C2"}},
	} {
		c.change()
		s.stopped(c.what, s.commit(c.what), c.step, c.words...)
	}

	// An intent that cannot be rendered does not even begin. A run by hand would.
	s.must(s.Git(t.Context(), "rm", "-q", "-f", "docs/notes/state.json"))
	s.replace("deploy/deploy.json", `"jobTemplate": "agentrun-runner"`, `"jobTemplate": "agentrun-nobody"`)
	wrong := s.commit("an intent that cannot be rendered")
	tags, head := s.tags(), s.gitopsHead()
	s.ends(s.release(wrong).Result, 4, "deploy/deploy.json:", "agentrun-nobody", "D1", "hint:")
	name := s.byHand(here.first.Run.Name, here.first.Commit, wrong)
	s.fails(name)
	log := s.kubectl("-n", s.Names.TektonNamespace, "logs", name+"-check-pod", "-c", "step-rules")
	for _, word := range []string{"deploy/deploy.json:", "agentrun-nobody"} {
		if !strings.Contains(log, word) {
			t.Errorf("check does not say %q:\n%s", word, log)
		}
	}
	if s.tags() != tags || s.gitopsHead() != head {
		t.Error("something left the run")
	}
	s.undo(good)
	s.released("nothing changed", s.commit("everything is good again"))
	s.accepted()
}

// TestE1_CommitNotOnTheBranch: lane release refuses it before it makes anything, and
// a run that somebody makes by hand is refused by its first task.
func TestE1_CommitNotOnTheBranch(t *testing.T) {
	s := theLane(t)
	// Elsewhere at the remote, so that the run can have it.
	s.must(s.Git(t.Context(), "checkout", "-q", "--detach"))
	s.must(s.Git(t.Context(), "commit", "-q", "--allow-empty", "-m", "not on the source branch"))
	stray := s.sourceHead()
	s.must(s.Git(t.Context(), "push", "-q", "-f", "origin", "HEAD:refs/heads/stray"))
	s.must(s.Git(t.Context(), "checkout", "-q", s.Names.SourceBranch))
	t.Cleanup(func() { _, _ = s.Git(s.lasting(), "push", "-q", "origin", ":refs/heads/stray") })

	runs := func() string { return s.kubectl("-n", s.Names.TektonNamespace, "get", "pipelineruns", "-o", "name") }
	before, head, tags := runs(), s.gitopsHead(), s.tags()
	s.ends(s.release(stray).Result, 4, "E1", stray, "refs/heads/"+s.Names.SourceBranch, "hint:")
	if now := runs(); now != before {
		t.Errorf("it made a run: %s, now %s", before, now)
	}

	// The run of a commit that is on the branch says how one looks.
	good := s.released("nothing changed", s.readme())
	head = s.gitopsHead()
	name := s.byHand(good.Run.Name, good.Commit, stray)
	s.fails(name)
	log := s.kubectl("-n", s.Names.TektonNamespace, "logs", name+"-prepare-source-pod", "-c", "step-fetch")
	for _, word := range []string{"rule E1", stray, "hint:"} {
		if !strings.Contains(log, word) {
			t.Errorf("prepare-source does not say %q:\n%s", word, log)
		}
	}
	if tasks := s.kubectl("-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "tekton.dev/pipelineRun="+name, "-o", "name"); strings.Contains(tasks, "\n") {
		t.Errorf("there are other tasks: %s", tasks)
	}
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	if now := s.tags(); now != tags {
		t.Errorf("the registry has other images: %s, now %s", tags, now)
	}
}

// fails waits until a run has failed.
func (s *stage) fails(run string) {
	s.Helper()
	s.until("the run "+run+" fails", func() error {
		state := s.kubectl("-n", s.Names.TektonNamespace, "get", "pipelinerun", run, "-o", `jsonpath={.status.conditions[0].status}`)
		if state == "True" {
			s.Fatalf("the run %s succeeded", run)
		}
		if state != "False" {
			return fmt.Errorf("Succeeded is %s", state)
		}
		return nil
	})
}

// byHand makes a run for another commit with kubectl, as a copy, and returns its name.
func (s *stage) byHand(run, commit, other string) string {
	s.Helper()
	var was struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Spec       json.RawMessage `json:"spec"`
	}
	s.object(&was, "-n", s.Names.TektonNamespace, "get", "pipelinerun", run)
	name := strings.ReplaceAll(run, commit[:12], other[:12])
	text, err := json.Marshal(map[string]any{
		"apiVersion": was.APIVersion, "kind": was.Kind, "metadata": map[string]string{"name": name, "namespace": s.Names.TektonNamespace},
		"spec": json.RawMessage(strings.NewReplacer(commit, other, run, name).Replace(string(was.Spec))),
	})
	s.ok(err)
	s.must(s.Lab.Kubectl(s.Context(), string(text), "create", "-f", "-"))
	s.Cleanup(func() {
		_, _ = s.Lab.Kubectl(s.lasting(), "", "-n", s.Names.TektonNamespace, "delete", "pipelinerun", name, "--ignore-not-found")
	})
	return name
}
