package promote

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
)

// The trailers of a commit on the GitOps branch. They are the evidence that is
// left when Tekton has forgotten the run.
const (
	TrailerSource   = "Lane-Source-Commit" // full id
	TrailerIntent   = "Lane-Intent-Digest" // sha256:<hex>
	TrailerRender   = "Lane-Render-Digest" // sha256:<hex>
	TrailerRun      = "Lane-Pipeline-Run"  // its name; not in a rehearsal
	TrailerTaskRuns = "Lane-Task-Runs"     // their names, separated by spaces; likewise
)

// message is the commit message for putting c on the branch.
func message(verb string, c *catalog.Catalog, run string, taskRuns []string) (string, error) {
	trailers := []git.Trailer{
		{Key: TrailerSource, Value: c.SourceCommitID},
		{Key: TrailerIntent, Value: c.IntentDigest},
		{Key: TrailerRender, Value: c.RenderDigest},
		{Key: TrailerRun, Value: run},
		{Key: TrailerTaskRuns, Value: strings.Join(taskRuns, " ")},
	}
	var m strings.Builder
	fmt.Fprintf(&m, "%s %s %s %.12s\n\n", verb, c.Project, c.Lane, c.SourceCommitID)
	for _, t := range trailers {
		if strings.ContainsFunc(t.Value, unicode.IsControl) {
			return "", fail.Fail(t.Key, "give the name as Kubernetes gives it", "the name %q cannot stand in a commit message", t.Value)
		}
		if t.Value != "" {
			fmt.Fprintf(&m, "%s: %s\n", t.Key, t.Value)
		}
	}
	return m.String(), nil
}
