package verify

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
)

// restarted judges a promotion that replaced pods, part of rule I10. It published
// nothing, so no publish task speaks for its images. What does is the commit that it
// stands on: the catalog is that one's but for the generations that the restart names,
// and so are the files, but for what a render makes of those generations.
func (j *judge) restarted(o *opinion, g Gitops) {
	p, ok := g.Restart()
	if !ok {
		return
	}
	id := "commit " + p.Commit
	r, err := catalog.ParseRestart(p.trailer(promote.TrailerRestart))
	if err != nil {
		o.against(id, "%s: %v", promote.TrailerRestart, err)
		return
	}
	was := g.Replaced.Value
	switch {
	case !g.Replaced.Found:
		o.cannot("the commit that "+id+" stands on", g.Replaced.Gap)
		return
	case was.By != p.Commit || was.Parents != 1:
		o.against(id, "it replaced pods, and does not stand on one commit")
		return
	}
	wanted, err := was.Catalog.Restarted(r)
	if err != nil {
		o.against(id, "%v", err)
		return
	}
	j.replaced(o, id, wanted, g.Catalog)
	if !j.Release.Intent.Found || !j.Release.Rendered.Found {
		o.cannot("what "+id+" may change", j.Release.Rendered.Gap)
		return
	}
	before, err := render.Render(j.Release.Intent.Value, j.Names, was.Catalog)
	if err != nil {
		o.against("commit "+was.Commit, "%v", err)
		return
	}
	more := slices.DeleteFunc(slices.Clone(was.Changed), func(path string) bool {
		return path == j.Names.ArtifactCatalog || !bytes.Equal(before[path], j.Release.Rendered.Value.Tree[path])
	})
	for _, path := range more {
		o.against(id, "it replaced pods, and changed %s of %.12s too", path, was.Commit)
	}
	if len(more) == 0 {
		o.match(id, "files", "those of "+was.Commit+", but for the generations that it names")
	}
}

// replaced compares the catalog with what the restart should have made of the one
// before.
func (j *judge) replaced(o *opinion, id string, wanted, is *catalog.Catalog) {
	o.equal(id, "catalog sourceCommitId", is.SourceCommitID, wanted.SourceCommitID)
	o.equal(id, "catalog intentDigest", is.IntentDigest, wanted.IntentDigest)
	for _, w := range wanted.Services {
		s, there := is.Service(w.ServiceID)
		if !there {
			o.against(id, "it replaced pods, and service %s is gone", w.ServiceID)
			continue
		}
		o.equal(id, w.ServiceID+" generation", cmp.Or(string(s.Generation), "none"), cmp.Or(string(w.Generation), "none"))
		o.equal(id, w.ServiceID+" digest", s.Image.Digest, w.Image.Digest)
		if s.Generation = w.Generation; s != w && s.Image.Digest == w.Image.Digest {
			o.against(id, "it replaced pods, and changed the catalog's entry of %s", w.ServiceID)
		}
	}
	if len(is.Services) > len(wanted.Services) {
		o.against(id, "it replaced pods, and added services")
	}
}
