package verify

import (
	"strings"
	"time"
)

// times are when things that may change were seen, by what they are called in a
// verdict.
type times map[string]time.Time

func timesOf(e Evidence) times {
	t := times{}
	t.put(e.Live.Namespace.At, "Namespace "+e.Names.RuntimeNamespace)
	for _, l := range e.Live.Lists {
		t.put(l.Objects.At, plurals(l.Kind))
		for _, o := range l.Objects.Value {
			t.put(l.Objects.At, o.ID())
		}
	}
	t.put(e.Argo.Applications.At, "Applications in "+e.Names.ArgoNamespace)
	for _, o := range e.Argo.Applications.Value {
		t.put(e.Argo.Applications.At, o.ID())
	}
	t.put(e.Argo.Application.At, "Application "+e.Names.ArgoApplication, "Argo CD")
	t.put(e.Argo.AppProject.At, "AppProject "+e.Names.ArgoAppProject)
	t.put(e.Tekton.Runs.At, "PipelineRuns of the lane")
	for _, o := range e.Tekton.Runs.Value {
		t.put(e.Tekton.Runs.At, o.ID())
	}
	t.put(e.Tekton.Run.At, e.Tekton.Run.Value.ID())
	for i, o := range e.Tekton.Expected.Value {
		if i < len(e.Tekton.Live) {
			t.put(e.Tekton.Live[i].At, o.ID())
		}
	}
	t.put(e.Tekton.Workloads.At, "Namespace "+e.Names.TektonNamespace)
	for key, image := range e.Images {
		t.put(image.At, key)
	}
	t.put(e.Source.Head.At, e.Names.SourceRef())
	t.put(e.Worktree.At, e.Worktree.Value.Path)
	if g := e.Gitops; g.Found {
		t.put(g.At, e.Names.GitopsRef(), e.Names.ArtifactCatalog, e.Names.RuntimePath, e.Names.Metadata(), "commit "+g.Value.Commit)
		for path := range g.Value.Files {
			t.put(g.At, path)
		}
	}
	return t
}

func (t times) put(at time.Time, names ...string) {
	for _, n := range names {
		if !at.IsZero() && n != "" {
			t[n] = at
		}
	}
}

// of is when an object was seen, "" when that was not noted. A container is called by
// its pod and its own name.
func (t times) of(object string) string {
	at, ok := t[object]
	if !ok {
		if words := strings.SplitN(object, " ", 3); len(words) == 3 {
			at, ok = t[words[0]+" "+strings.TrimSuffix(words[1], ":")]
		}
	}
	if !ok {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// maxSkew is how far the clocks of a lane may be apart.
const maxSkew = 2 * time.Minute

// clock is part of rule I9: what the cluster wrote is not of the future. A clock that
// is behind would take expired records for live ones.
func (j *judge) clock(o *opinion) {
	newest, by := time.Time{}, ""
	look := func(obj Object) {
		if made := obj.Created(); made.After(newest) {
			newest, by = made, obj.ID()
		}
	}
	for _, l := range j.Live.Lists {
		for _, obj := range l.Objects.Value {
			look(obj)
		}
	}
	for _, run := range j.Tekton.Runs.Value {
		look(run)
	}
	if newest.Sub(j.At) > maxSkew {
		o.differ(by, "metadata.creationTimestamp", newest.UTC().Format(time.RFC3339), "a time before "+j.At.UTC().Format(time.RFC3339)+": the clocks of the cluster and of this machine differ")
	}
}
