package verify

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// rerender is rule I5.
func (j *judge) rerender(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	if !j.Release.Intent.Found {
		o.cannot("the intent at "+g.Catalog.SourceCommitID, j.Release.Intent.Gap)
		return
	}
	if digest, err := j.Release.Intent.Value.Digest(); err != nil {
		o.against("the intent", "%v", err)
	} else {
		o.equal(j.Names.ArtifactCatalog, "intentDigest", g.Catalog.IntentDigest, digest)
	}
	if !j.Release.Rendered.Found {
		if j.Release.Rendered.Gap.Cause == Refused {
			o.against("a render of "+g.Catalog.SourceCommitID, "%s", j.Release.Rendered.Gap.Why)
			return
		}
		o.cannot("a render of "+g.Catalog.SourceCommitID, j.Release.Rendered.Gap)
		return
	}
	rendered, branch := j.Release.Rendered.Value.Tree, j.manifests()
	o.equal(j.Names.ArtifactCatalog, "renderDigest", g.Catalog.RenderDigest, rendered.Digest())
	same := 0
	for _, p := range rendered.Paths() {
		content, there := branch[p]
		switch {
		case !there:
			o.against(p, "the render has this file and the branch has not")
		case !bytes.Equal(content, rendered[p]):
			o.differ(p, "content", canon.Digest(content), canon.Digest(rendered[p]))
		default:
			same++
		}
	}
	for _, p := range branch.Paths() {
		if _, wanted := rendered[p]; !wanted {
			o.against(p, "the branch has this file and the render has not")
		}
	}
	if same > 0 {
		o.match(j.Names.RuntimePath, "files", fmt.Sprintf("%d of %d equal the render of %.12s", same, len(rendered), g.Catalog.SourceCommitID))
	}
}

// about tells the findings of the rules that are spoken of.
func about(o *opinion, found fail.Findings, speaks func(rule string) bool) {
	for _, f := range found {
		if speaks(f.Rule) {
			o.against(f.Where(), "%s", f.Why)
		}
	}
}

// catalogued is rule I7. That commits and digests are full is part of reading a
// catalog.
func (j *judge) catalogued(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	about(o, j.refused, func(rule string) bool { return rule == "F2" })
	for _, s := range g.Catalog.Services {
		o.match(s.ServiceID, "image", s.Image.Repository+"@"+s.Image.Digest+" of "+s.SourceCommitID)
	}
	if len(g.Catalog.Services) == 0 {
		o.match(j.Names.ArtifactCatalog, "services", "none yet")
	}
}

// whole is rule F4. A catalog that lane would not have written is refused when it is
// read.
func (j *judge) whole(o *opinion) {
	if !j.Gitops.Found && j.Gitops.Gap.Cause == Refused {
		o.against(j.Names.GitopsRef(), "%s", j.Gitops.Gap.Why)
		return
	}
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	c := g.Catalog
	o.equal(j.Names.ArtifactCatalog, "lane", c.Project+" "+c.Lane, j.Names.Project+" "+j.Names.Lane)
	o.equal(j.Names.ArtifactCatalog, "branches", c.SourceBranch+" "+c.GitopsBranch, j.Names.SourceBranch+" "+j.Names.GitopsBranch)
	o.match(j.Names.ArtifactCatalog, "sourceCommitId", c.SourceCommitID)
}

// inside is rule A3.
func (j *judge) inside(o *opinion) {
	if _, ok := j.gitops(o); !ok {
		return
	}
	about(o, j.refused, func(rule string) bool { return rule == "A3" })
	o.match(j.Names.RuntimePath, "objects", fmt.Sprint(len(j.manifest)))
}

// content is rule C3.
func (j *judge) content(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	j.unreadable(o, "C3")
	for _, p := range g.Odd {
		o.against(p, "it is no regular file")
	}
	about(o, j.refused, func(rule string) bool { return !slices.Contains([]string{"A3", "C4", "D4", "F2"}, rule) })
	if j.Release.Rendered.Found {
		for _, p := range j.manifests().Paths() {
			if _, wanted := j.Release.Rendered.Value.Tree[p]; !wanted {
				o.against(p, "nothing of this release is in it")
			}
		}
	} else {
		o.cannot("what the branch should hold", j.Release.Rendered.Gap)
	}
	o.match(j.Names.GitopsRef(), "files", fmt.Sprint(len(g.Files)))
}

// secretless is rule C4 for the branch.
func (j *judge) secretless(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	about(o, j.refused, func(rule string) bool { return rule == "C4" })
	for _, s := range g.Secrets {
		o.against(j.Names.GitopsRef(), "%s", s)
	}
	o.match(j.Names.GitopsRef(), "files", fmt.Sprintf("%d looked at", len(g.Files)))
}

// paths is rule D4.
func (j *judge) paths(o *opinion) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	for _, p := range append(slices.Sorted(maps.Keys(g.Files)), g.Odd...) {
		if p != j.Names.ArtifactCatalog && !strings.HasPrefix(p, j.Names.RuntimePath+"/") {
			o.against(p, "it is neither the catalog nor below %s", j.Names.RuntimePath)
		}
	}
	o.match(j.Names.GitopsRef(), "paths", j.Names.ArtifactCatalog+", "+j.Names.RuntimePath)
}
