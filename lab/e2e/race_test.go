package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestE6_OlderIsSuperseded: of two releases at once the older commit comes last to
// the GitOps branch, and changes nothing there.
func TestE6_OlderIsSuperseded(t *testing.T) {
	s := theLane(t)
	s.hold()
	s.touch("agentrun-runner")
	older := s.commit("runner: the older of two")
	first := s.begin(older)
	run, letGo := s.held(older)
	s.unhold()
	newer := s.commit("the newer of two")
	second := s.released("nothing changed", newer)
	head := s.gitopsHead()
	letGo()
	r := s.ended(first)
	s.ends(r.Result, 5, "superseded", "hint:")
	if r.Run == nil || r.Run.Name != run || r.Run.State != "superseded" || r.Run.Outcome != "superseded" {
		t.Errorf("the older run is %+v", r.Run)
	}
	if now := s.gitopsHead(); now != head || second.Run.Gitops != head {
		t.Errorf("the GitOps branch is at %s, the newer one left it at %s", now, second.Run.Gitops)
	}
	if v := s.verify(); !v.Accepted || v.Commit != newer {
		t.Errorf("not accepted at %s: %s", v.Commit, strings.Join(wrong(v), "\n"))
	}
	// To release it again says the same, without another run.
	again := s.release(older)
	s.ends(again.Result, 5, "superseded")
	if again.Action != "reported" || again.Run.Name != run {
		t.Errorf("a second time it is %s %+v", again.Action, again.Run)
	}
}

// TestC3_E6_GitopsMovesBeforeThePromotion: after the plan somebody else promotes,
// and somebody pushes by hand; the promotion decides again on what is there, and
// leaves the exact content.
func TestC3_E6_GitopsMovesBeforeThePromotion(t *testing.T) {
	s := theLane(t)
	s.touch("agentrun-runner")
	older := s.commit("runner: promoted meanwhile")
	s.hold()
	newer := s.commit("the one that waits")
	first := s.begin(newer)
	_, letGo := s.held(newer)
	s.released("one service changed", older)
	between := s.push(s.Names.RuntimePath+"/by-hand.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: by-hand\n  namespace: "+s.Names.RuntimeNamespace+"\n")
	s.contradicted("C3", "by-hand.yaml")
	letGo()
	r := s.ended(first)
	s.ends(r.Result, 0)
	if r.Run == nil || r.Run.Outcome != "promoted" {
		t.Fatalf("the promotion is %+v", r.Run)
	}
	if parent := s.gitops("rev-parse", "@^"); parent != between {
		t.Errorf("it stands on %s, not on %s", parent, between)
	}
	if files := s.gitops("ls-tree", "-r", "--name-only", "@"); strings.Contains(files, "by-hand") {
		t.Errorf("the branch still has what was pushed by hand: %s", files)
	}
	if id := s.catalog()["agentrun-mgr"]; id.Status != "reused" {
		t.Errorf("agentrun-mgr is %+v", id)
	}
	if v := s.accepted(); v.Commit != newer {
		t.Errorf("accepted at %s, not at %s", v.Commit, newer)
	}
	s.unhold()
	s.commit("nothing waits any more")
}

// TestE5_CancelledWhilePublishing: the release that comes after builds only what the
// registry does not have.
func TestE5_CancelledWhilePublishing(t *testing.T) {
	s := theLane(t)
	services := []string{"agentrun-mgr", "agentrun-runner"}
	for _, id := range services {
		s.touch(id)
	}
	commit, head := s.commit("both services: another program"), ""
	head = s.gitopsHead()
	there := func() (ids []string) {
		for _, id := range services {
			if _, _, err := s.registry("HEAD", "/v2/"+s.Names.Project+"/"+id+"/manifests/"+commit); err == nil {
				ids = append(ids, id)
			}
		}
		return ids
	}
	ends := s.begin(commit)
	run := s.running(commit)
	for deadline := time.Now().Add(3 * time.Minute); len(there()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no image comes in three minutes")
		}
	}
	thaw := s.freeze("registry") // so that it is in the middle
	cancelled, err := s.Release(t.Context(), commit, "--cancel")
	s.ok(err)
	thaw()
	s.ends(cancelled.Result, 0)
	if cancelled.Action != "cancelled" || cancelled.Run == nil || cancelled.Run.State != "cancelled" || cancelled.Run.Name != run {
		t.Fatalf("the run is %s %+v", cancelled.Action, cancelled.Run)
	}
	followed := s.ended(ends)
	s.ends(followed.Result, 1, "cancelled", "hint:")
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	have := there()
	again := s.released("two services changed", commit)
	if again.Action != "created" || again.Run.Name == run {
		t.Errorf("it did not begin another run: %s %s", again.Action, again.Run.Name)
	}
	log := s.log(again.Run.Name, "publish", "publish")
	for _, id := range have {
		if !strings.Contains(log, id+" already published") {
			t.Errorf("%s was in the registry and was built again:\n%s", id, log)
		}
	}
	if len(have) == 0 {
		t.Error("the registry has no image of the cancelled run: this test sees nothing")
	}
	s.accepted()
}

// TestE5_F3_RegistryGoneWhilePublishing: the try fails and says why, the next one
// succeeds, and until then the GitOps branch is as it was.
func TestE5_F3_RegistryGoneWhilePublishing(t *testing.T) {
	s := theLane(t)
	s.touch("agentrun-runner")
	commit, head := s.commit("runner: while the registry goes"), s.gitopsHead()
	ends := s.begin(commit)
	run := s.running(commit)
	publishing := func() (r taskRun) {
		var tasks struct{ Items []taskRun }
		s.object(&tasks, "-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "tekton.dev/pipelineRun="+run)
		for _, task := range tasks.Items {
			if task.task() == "publish" {
				r = task
			}
		}
		return r
	}
	s.until("publish runs", func() error {
		if steps := publishing().Status.Steps; len(steps) == 0 || steps[0].Running == nil {
			return fmt.Errorf("its steps are %+v", steps)
		}
		return nil
	})
	start := s.stop("registry")
	begin := time.Now()
	s.until("publish is tried again", func() error {
		if publishing().Status.Retries == nil {
			return fmt.Errorf("it is at its first try")
		}
		return nil
	})
	here.note("publish gives a registry up", time.Since(begin))
	log := s.kubectl("-n", s.Names.TektonNamespace, "logs", run+"-publish-pod", "-c", "step-publish")
	for _, word := range []string{"agentrun-runner", "127.0.0.1:5000", "connection refused", "hint:"} {
		if !strings.Contains(log, word) {
			t.Errorf("publish does not say %q:\n%s", word, log)
		}
	}
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	v := s.verify()
	if v.Accepted || v.Unknown == 0 || !strings.Contains(strings.Join(wrong(v), "\n"), "connection refused") {
		t.Errorf("without a registry verify says %s", strings.Join(wrong(v), "\n"))
	}
	start()
	r := s.ended(ends)
	if r.Code != 0 { // the second try was over before the registry was back
		s.ends(r.Result, 1, "publish failed", "hint:")
		r = s.released("one service changed", commit)
	}
	if task := r.Run.Task("publish"); task.State != "succeeded" {
		t.Errorf("publish is %+v", task)
	}
	s.accepted()
}
