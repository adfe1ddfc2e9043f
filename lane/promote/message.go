package promote

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
)

// The trailers of a commit on the GitOps branch. They are the evidence that is
// left when Tekton has forgotten the run.
const (
	TrailerSource   = "Lane-Source-Commit" // full id
	TrailerIntent   = "Lane-Intent-Digest" // sha256:<hex>
	TrailerRender   = "Lane-Render-Digest" // sha256:<hex>
	TrailerRun      = "Lane-Pipeline-Run"  // its name; not in a rehearsal
	TrailerTaskRuns = "Lane-Task-Runs"     // their names, separated by spaces; likewise
	TrailerRestart  = "Lane-Restart"       // of one that replaces pods: their services and their new generation
	TrailerRollback = "Lane-Rollback-To"   // of a rollback: the commit of this branch whose content it has again, full id
)

// The trailers of a commit that changes the lane's metadata alone.
const (
	TrailerPromotion = "Lane-Promotion" // the commit below that promoted, full id
	TrailerBy        = "Lane-By"        // who changed it
)

// message is the commit message of a promotion of c.
func (p *promotion) message(c *catalog.Catalog) (string, error) {
	verb, to := names.Promote, ""
	if p.Rollback != nil {
		verb, to = names.Rollback, p.Rollback.To
	}
	if p.Restart != "" {
		verb = names.Restart
	}
	return message(verb, c, append(about(c),
		git.Trailer{Key: TrailerRun, Value: p.PipelineRun},
		git.Trailer{Key: TrailerTaskRuns, Value: strings.Join(p.TaskRuns, " ")},
		git.Trailer{Key: TrailerRollback, Value: to},
		git.Trailer{Key: TrailerRestart, Value: p.Restart})...)
}

// about are the trailers that say what the branch holds.
func about(c *catalog.Catalog) []git.Trailer {
	return []git.Trailer{
		{Key: TrailerSource, Value: c.SourceCommitID}, {Key: TrailerIntent, Value: c.IntentDigest}, {Key: TrailerRender, Value: c.RenderDigest},
	}
}

// message is a commit message; trailers without a value are left out. A verb that
// lane check would not know in a source branch begins none (rule C2).
func message(verb names.Verb, c *catalog.Catalog, trailers ...git.Trailer) (string, error) {
	if !slices.Contains(names.Verbs(), verb) {
		return "", fmt.Errorf("writing the message: %q is not among the verbs of a commit", verb)
	}
	var m strings.Builder
	fmt.Fprintf(&m, "%s %s %s %.12s\n\n", verb, c.Project, c.Lane, c.SourceCommitID)
	for _, t := range trailers {
		if strings.ContainsFunc(t.Value, unicode.IsControl) {
			return "", fail.Fail(t.Key, "leave out what no line can hold", "%q cannot stand in a commit message", t.Value)
		}
		if t.Value != "" {
			fmt.Fprintf(&m, "%s: %s\n", t.Key, t.Value)
		}
	}
	return m.String(), nil
}
