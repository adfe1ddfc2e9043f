package check

import (
	"path"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// The documents that every lane's source has.
const (
	agentsPage  = "AGENTS.md"
	lanePage    = "docs/reference/lane.md"
	secretsPage = "docs/reference/secret-distribution.md"
)

// paths finds what the tree holds or lacks by where it stands.
func (j *judge) paths() fail.Findings {
	var found fail.Findings
	add := func(rule, file, hint, why string) {
		found = append(found, fail.Finding{Rule: rule, File: file, Why: why, Hint: hint})
	}
	for _, e := range j.tree.entries {
		if e.Mode == git.ModeSubmodule {
			add("C1", e.Path, "track the files themselves, or require the module", "a submodule's content is not in the commit, so no build can read it")
		}
		inProject := strings.TrimPrefix(e.Path, j.intents.folder(e.Path)+"/")
		if ok, _ := path.Match("deploy/artifact-catalog.*.json", inProject); ok {
			add("C2", e.Path, generatedHint, "an artifact catalog is tracked")
		}
		if strings.HasPrefix(inProject, "deploy/gitops/") {
			add("C2", e.Path, generatedHint, "a path of the GitOps branch is tracked")
		}
		if strings.EqualFold(path.Base(e.Path), "ci.json") {
			add("E9", e.Path, "remove it: a release is a Tekton PipelineRun", "a configuration for a runner of one's own")
		}
		if len(oldCluster.in(lowered([]byte(e.Path)))) > 0 {
			add("E9", e.Path, "remove it", "a path of the old release way")
		}
	}
	if _, ok := j.tree.byPath[lanePage]; !ok {
		add("E3", lanePage, "write what must hold for a lane", "the page that specifies the lane is missing")
	}
	if _, ok := j.tree.byPath[agentsPage]; !ok {
		add("E3", agentsPage, "write it, with a link to "+lanePage, "the page for coding agents is missing")
	}
	if in := j.intents.top.in; in != nil && len(in.SecretRefs) > 0 {
		if _, ok := j.tree.byPath[secretsPage]; !ok {
			add("G5", secretsPage, "list each Secret, key, service and how it gets there", "the page of secret distribution is missing")
		}
	}
	return found
}
