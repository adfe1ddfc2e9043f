package verify

import "strings"

// part is one part of the evidence, by name.
type part struct {
	name  string
	found bool
	gap   Gap
}

func partOf[T any](name string, s Seen[T]) part { return part{name, s.Found, s.Gap} }

// parts are all that a verdict needs. Earlier catalogs and the manifests of other
// digests are asked for only when something needs them.
func (e Evidence) parts() []part {
	all := []part{
		partOf("Namespace", e.Live.Namespace), partOf("kinds of objects", e.Live.Complete),
		partOf("Events", e.Live.Events), partOf("logs of terminated containers", e.Live.Logs),
	}
	if len(e.Live.Lists) == 0 {
		all = append(all, part{name: "objects of the namespace"})
	}
	for _, l := range e.Live.Lists {
		if l.Objects.Gap.Cause != NoKind {
			all = append(all, partOf(plurals(l.Kind), l.Objects))
		}
	}
	all = append(all,
		partOf("Application", e.Argo.Application), partOf("AppProject", e.Argo.AppProject), partOf("Applications", e.Argo.Applications),
		partOf("GitOps branch", e.Gitops), partOf("released intent", e.Release.Intent), partOf("render", e.Release.Rendered),
		partOf("PipelineRuns", e.Tekton.Runs), partOf("Tekton objects", e.Tekton.Expected), partOf("Tekton workloads", e.Tekton.Workloads),
		partOf("source branch", e.Source.Contains), partOf("authors of the source", e.Source.Authors), partOf("check of the source", e.Source.Findings),
	)
	for _, l := range e.Tekton.Live {
		all = append(all, partOf("Tekton object", l))
	}
	if e.Gitops.Found && e.Gitops.Value.Catalog != nil {
		for _, s := range e.Gitops.Value.Catalog.Services {
			key := Reference{Repository: s.Image.Repository, Digest: s.Image.Digest}.Key()
			all = append(all, partOf(key, e.Images[key]))
		}
	}
	if !e.Skip {
		all = append(all, partOf("worktree", e.Worktree))
	}
	return all
}

// unseen is rule I9.
func (j *judge) unseen(o *opinion) {
	n := 0
	for _, p := range j.parts() {
		switch {
		case p.found, p.gap.Cause == Absent, p.gap.Cause == Refused:
			n++ // seen, or seen not to be there
		default:
			o.cannot(p.name, p.gap)
		}
	}
	if w := j.Worktree.Value.Path; j.Worktree.Found && strings.Contains(w+"/", "/.worktree/") {
		o.against(w, "it is a task's worktree, which is a clue and no evidence")
	}
	for _, clue := range j.Clues {
		o.against("evidence", "%s", clue)
	}
	j.clock(o)
	if n > 0 && len(o.seen) == 0 {
		o.match("evidence", "parts", plural(n, "part"))
	}
}
