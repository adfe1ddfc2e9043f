package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lab/lanes"
)

// rollback goes back to a commit, to its end.
func (s *stage) rollback(commit string, flags ...string) *lanes.Release {
	s.Helper()
	result, err := s.Try(s.Context(), append([]string{"rollback", "-o", "json", "--by", "e2e", "--follow", "--to", commit}, flags...)...)
	s.ok(err)
	r := &lanes.Release{Result: result}
	if len(r.Out) > 0 {
		s.ok(json.Unmarshal(r.Out, r))
	}
	return r
}

// lane runs the lane command, which has to work.
func (s *stage) lane(args ...string) string {
	s.Helper()
	r, err := s.Try(s.lasting(), args...)
	s.ok(err)
	s.ends(r, 0)
	return string(r.Out)
}

// unheld takes away, after the test, what holds the lane.
func (s *stage) unheld() {
	s.Helper()
	s.Cleanup(func() { s.lane("hold", "--release", "--by", "e2e") })
}

// content is what a commit of the GitOps branch holds beside the lane's metadata.
func (s *stage) content(commit string) string {
	s.Helper()
	lines := strings.Split(s.gitops("ls-tree", "-r", commit), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "/.lane/") }), "\n")
}

// TestE6_I5_I10_GoingBack: the bytes of an earlier release come back in one commit with
// a hold, without a build; what runs is its image; newer releases are refused until
// the hold is released, whatever Argo CD or anybody does by itself.
func TestE6_I5_I10_GoingBack(t *testing.T) {
	s := theLane(t)
	s.touch("agentrun-mgr")
	good := s.commit("mgr: good")
	s.released("one service changed", good)
	then, image := s.gitopsHead(), s.catalog()["agentrun-mgr"].Digest
	s.touch("agentrun-mgr")
	bad := s.commit("mgr: bad")
	s.released("one service changed", bad)
	tags := s.tags()

	s.unheld()
	dry, err := s.Try(t.Context(), "rollback", "--by", "e2e", "--to", good, "--dry-run")
	s.ok(err)
	s.ends(dry, 0, "Deployment agentrun-v01/agentrun-mgr", "would create")
	r := s.rollback(good, "--reason", "the bad one is bad")
	s.ends(r.Result, 0, "accepted")
	here.note("rollback", r.Took)
	for _, task := range []string{"check", "plan", "publish"} {
		if state := r.Run.Task(task).State; state != "skipped" {
			t.Errorf("%s is %s", task, state)
		}
	}
	if s.content("@") != s.content(then) {
		t.Error("the branch does not hold what it held then")
	}
	if files := s.gitops("diff", "--name-only", then, "@"); !strings.HasSuffix(files, "/.lane/hold.json") || strings.Contains(files, "\n") {
		t.Errorf("it differs in %s", files)
	}
	if s.catalog()["agentrun-mgr"].Digest != image || s.tags() != tags {
		t.Error("something was built")
	}
	if v := s.accepted(); v.Commit != good {
		t.Errorf("accepted at %s", v.Commit)
	}

	// Nothing goes forward: not a release of the bad one, nor of a newer one.
	head := s.gitopsHead()
	for _, commit := range []string{bad, s.readme()} {
		s.ends(s.release(commit).Result, 4, "held at "+good[:12], "by e2e", "the bad one is bad", "hint: ask them; when releases may go on: lane hold --release")
	}
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	// Again is nothing to do.
	s.ends(s.rollback(good).Result, 0, "accepted")

	// Once Tekton has forgotten the run, the signed trailers prove it.
	s.kubectl("-n", s.Names.TektonNamespace, "delete", "pipelinerun", r.Run.Name)
	if v := s.accepted(); v.Finding("I10").State != "matched" {
		t.Errorf("I10 is %s", v.Finding("I10").State)
	}

	s.lane("hold", "--release", "--by", "e2e")
	s.accepted() // what changed metadata alone is no other release
	s.released("nothing changed", s.readme())
	s.accepted()
}

// TestHeldWhileUnderWay: a release that was begun before the hold is refused at its end,
// and goes through when the hold is released.
func TestHeldWhileUnderWay(t *testing.T) {
	s := theLane(t)
	s.hold()
	commit := s.commit("make: a run that waits")
	ends := s.begin(commit)
	run, letGo := s.held(commit)
	s.unheld()
	s.lane("hold", "--reason", "the migration runs", "--until", "1h", "--by", "e2e")
	head := s.gitopsHead()
	letGo()
	r := s.ended(ends)
	s.ends(r.Result, 1, "the migration runs")
	if r.Failure == nil || r.Failure.Task != "promote" || r.Failure.Exit != 4 {
		t.Errorf("it failed at %+v", r.Failure)
	}
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	if said := s.log(run, "promote", "promote"); !strings.Contains(said, "held at") {
		t.Errorf("its log says %q", said)
	}
	s.accepted() // held, and what is promoted runs
	s.lane("hold", "--release", "--by", "e2e")
	s.unhold()
	s.released("nothing changed", s.commit("make: runs do not wait"))
	s.accepted()
}

// TestH3_RecordedHotfix: drift within a live record is accepted, beside it not, and after
// its end not.
func TestH3_RecordedHotfix(t *testing.T) {
	s := theLane(t)
	t.Cleanup(func() {
		s.lane("hotfix", "end", "more-managers", "--by", "e2e")
		s.lane("objects", "argo", "--apply")
	})
	record := func(expires string, scope ...string) {
		args := []string{
			"hotfix", "record", "more-managers", "--issue", "#12", "--reason", "the queue is full",
			"--way-back", "scale to 2", "--follow-up", "#13", "--by", "e2e", "--expires", expires,
		}
		for _, object := range scope {
			args = append(args, "--scope", object)
		}
		s.lane(args...)
	}
	paused := "Application/" + s.Names.ArgoApplication + "=spec.syncPolicy.automated"
	record("1h", paused, "Deployment/agentrun-mgr=spec.replicas")
	s.accepted() // a record alone changes nothing
	s.kubectl("-n", s.Names.ArgoNamespace, "patch", "application", s.Names.ArgoApplication, "--type=merge", "--field-manager=somebody", "-p", `{"spec":{"syncPolicy":{"automated":null}}}`)
	s.kubectl("-n", s.Names.RuntimeNamespace, "patch", "deployment", "agentrun-mgr", "--field-manager=somebody", "-p", `{"spec":{"replicas":3}}`)
	v := s.accepted()
	told := false
	for _, o := range v.Finding("H3").Observations {
		told = told || strings.Contains(o.String(), "spec.replicas is 3, not 2: hotfix more-managers of #12 by e2e")
	}
	if !told {
		t.Errorf("H3 does not tell of the record: %+v", v.Finding("H3"))
	}

	record("1h", paused, "Deployment/agentrun-mgr=spec.template")
	s.contradicted("H3", "Deployment agentrun-mgr", "spec.replicas", "3")
	record("2s", paused, "Deployment/agentrun-mgr=spec.replicas")
	s.contradicted("H3", "Deployment agentrun-mgr", "spec.replicas", "expired: hotfix more-managers")
	s.contradicted("E7", "expired: hotfix more-managers")

	s.lane("objects", "argo", "--apply")
	s.lane("hotfix", "end", "more-managers", "--by", "e2e")
	s.accepted()
}
