package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestI10_TektonRunsDeleted: without any run the signed trailers of the promotion
// say what the runs said.
func TestI10_TektonRunsDeleted(t *testing.T) {
	s := theLane(t)
	s.released("nothing changed", s.readme())
	s.kubectl("-n", s.Names.TektonNamespace, "delete", "pipelineruns", "-l", "lane.agentrun.dev/lane="+s.Names.Lane)
	s.until("the TaskRuns are gone", func() error {
		if left := s.kubectl("-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "lane.agentrun.dev/lane="+s.Names.Lane, "-o", "name"); left != "" {
			return errors.New(left)
		}
		return nil
	})
	v := s.verify()
	if f := v.Finding("I10"); !v.Accepted || f.State != "matched" || !strings.Contains(fmt.Sprint(f.Observations), "which Tekton has forgotten") {
		t.Errorf("I10 is %v; %s", f, strings.Join(wrong(v), "\n"))
	}
	// A promotion that nobody signed proves nothing.
	head := s.gitopsHead()
	s.forge()
	v = s.verify()
	if f := v.Finding("I10"); v.Accepted || f.State == "matched" {
		t.Errorf("an unsigned promotion is believed: %v", f)
	}
	s.must(s.Git(t.Context(), "push", "-q", "-f", "origin", head+":refs/heads/"+s.Names.GitopsBranch))
	s.accepted()
}

// forge replaces the head of the GitOps branch with a commit of the same tree and
// message that is not signed.
func (s *stage) forge() {
	s.Helper()
	message := filepath.Join(s.TempDir(), "message")
	s.ok(os.WriteFile(message, []byte(s.gitops("log", "-1", "--format=%B", "@")+"\n"), 0o644))
	forged := s.gitops("commit-tree", "@^{tree}", "-p", "@^", "-F", message)
	s.must(s.Git(s.lasting(), "push", "-q", "-f", "origin", forged+":refs/heads/"+s.Names.GitopsBranch))
}
