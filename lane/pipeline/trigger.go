package pipeline

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// Triggers gives the objects by which Tekton Triggers starts a run for each push to the
// source branch (rule E1): the account that listens, what it may, and the listener. The
// run is the first that Run gives for the commit. The webhook's secret is a Secret of the
// cluster, which they only name (rule C4).
func Triggers(in *intent.Intent, n names.Names) ([]Object, error) {
	const commit, short = "$(tt.params.commit)", "$(tt.params.short)"
	v := newValues(in, n)
	v.Run, v.Commit = n.PipelineRunPrefix+short+"-1", commit
	run, err := objects(v, "pipelinerun")
	if err != nil {
		return nil, err
	}
	v.PushedRun = string(run[0].YAML)
	if v.PushFilter, err = pushFilter(in.Source.Repository, n.SourceRef()); err != nil {
		return nil, err
	}
	return objects(v, "trigger-serviceaccount", "trigger-role", "trigger-rolebinding", "trigger-clusterrole", "trigger-clusterrolebinding",
		"trigger-binding", "trigger-template", "trigger-listener")
}

// pushFilter is the CEL expression that lets a push through: of this branch of this
// repository, to a commit and not to nothing.
func pushFilter(repository, ref string) (string, error) {
	word := func(s string) string {
		data, _ := json.Marshal(s) // a string always has a form; CEL reads JSON's
		return string(data)
	}
	if strings.ContainsAny(repository, "\\\"'") {
		return "", fmt.Errorf("making the filter: the repository's address %q cannot stand in an expression", repository)
	}
	return fmt.Sprintf("body.ref == %s && (body.repository.clone_url == %s || body.repository.ssh_url == %[2]s) && !body.deleted && body.after.matches('^[0-9a-f]{40}$')",
		word(ref), word(repository)), nil
}
