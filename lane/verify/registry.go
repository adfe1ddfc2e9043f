package verify

import "github.com/pikasTech/agentrun/lane/catalog"

// each calls visit with what the registry says of each image of the catalog. Those
// that it could not be asked about make the rule unknown.
func (j *judge) each(o *opinion, visit func(s catalog.Service, id string, seen Seen[Image])) {
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	for _, s := range g.Catalog.Services {
		r := Reference{Repository: s.Image.Repository, Digest: s.Image.Digest}
		seen := j.Images[r.Key()]
		if !seen.Found && !missing(seen.Gap) {
			o.cannot(r.Key(), seen.Gap)
			continue
		}
		visit(s, r.Key(), seen)
	}
	if len(g.Catalog.Services) == 0 {
		o.match(j.Names.ArtifactCatalog, "services", "none yet")
	}
}

// answers is rule F3.
func (j *judge) answers(o *opinion) {
	j.each(o, func(s catalog.Service, id string, seen Seen[Image]) {
		if !seen.Found {
			o.against(id, "%s", seen.Gap.Why)
			return
		}
		o.match(id, "config", seen.Value.Config)
	})
}

// built is rule H4: an image that was pushed by a hand does not say of itself that it
// was built from what the catalog says.
func (j *judge) built(o *opinion) {
	j.each(o, func(s catalog.Service, id string, seen Seen[Image]) {
		if !seen.Found {
			o.cannot(id, seen.Gap) // F3 says what is wrong
			return
		}
		o.equal(id, "identity", seen.Value.Identity, s.ComponentIdentity)
	})
}
