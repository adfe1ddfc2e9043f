package verify

import (
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/catalog"
)

// Reference is an image as a pod names it, taken apart.
type Reference struct {
	Registry   string
	Repository string // within the registry, without a tag
	Digest     string // "" when it is not pinned
}

// ParseReference takes "host:port/repository@digest" apart, as a spec or a status
// has it. What a node made itself has no registry.
func ParseReference(s string) Reference {
	if _, rest, ok := strings.Cut(s, "://"); ok { // a runtime's own prefix
		s = rest
	}
	if canon.IsDigest(s) {
		return Reference{Digest: s}
	}
	var r Reference
	name, digest, pinned := strings.Cut(s, "@")
	if pinned {
		r.Digest = digest
	}
	r.Registry, r.Repository, _ = strings.Cut(name, "/")
	if r.Repository == "" {
		r.Registry, r.Repository = "", name
	}
	r.Repository, _, _ = strings.Cut(r.Repository, ":")
	return r
}

// Key names the manifest in Evidence.Images.
func (r Reference) Key() string { return r.Repository + "@" + r.Digest }

// running is a container that a pod declares, with its status.
type container struct {
	name   string
	pinned Reference // of the spec
	image  string    // as the spec writes it
	status Object    // nil when it has none
}

// containersOf are those of a pod, init containers first.
func containersOf(p Object) []container {
	var all []container
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, c := range p.Items("spec", list) {
			one := container{name: c.Text("name"), image: c.Text("image"), pinned: ParseReference(c.Text("image"))}
			for _, s := range append(statuses(p), p.Items("status", "ephemeralContainerStatuses")...) {
				if s.Text("name") == one.name {
					one.status = s
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// containers compares what a pod runs with the catalog. A run's pod may have an
// image of an earlier catalog.
func (j *judge) containers(o *opinion, p Object, run bool) {
	c := j.Gitops.Value.Catalog
	for _, ctr := range containersOf(p) {
		where := p.ID() + " " + ctr.name
		svc, known := serviceOf(c, ctr.pinned.Repository)
		switch {
		case !known:
			o.against(where, "the image %s is of no service in the catalog", ctr.image)
			continue
		case ctr.pinned.Digest == svc.Image.Digest || ctr.pinned.Digest == "": // F2 speaks of the unpinned
		case run:
			j.earlier(o, where, ctr.pinned.Digest)
		default:
			o.differ(where, "image", ctr.pinned.Digest, svc.Image.Digest)
			continue
		}
		wanted := ctr.pinned
		if wanted.Digest == "" {
			wanted.Digest = svc.Image.Digest
		}
		j.imageID(o, where, ctr.status.Text("imageID"), wanted)
	}
}

// imageID compares what a node says that it runs with what was pinned. It names the
// first manifest that it knows of a content: another one with the same config is
// the same image.
func (j *judge) imageID(o *opinion, where, id string, wanted Reference) {
	if id == "" {
		return // it has not been started: the pod's readiness tells
	}
	is := ParseReference(id)
	if is.Digest == wanted.Digest {
		o.match(where, "imageID", is.Digest)
		return
	}
	pinned, other := j.Images[wanted.Key()], j.Images[is.Key()]
	switch {
	case !pinned.Found && !missing(pinned.Gap):
		o.cannot(where+": "+wanted.Key(), pinned.Gap)
	case is.Repository == "" && pinned.Found && is.Digest == pinned.Value.Config,
		pinned.Found && other.Found && pinned.Value.Config == other.Value.Config:
		o.match(where, "imageID", is.Digest+", another manifest of the pinned image's config "+pinned.Value.Config)
	case is.Repository == "" || other.Found || missing(other.Gap):
		o.differ(where, "imageID", is.Digest, wanted.Digest)
	default:
		o.cannot(where+": "+is.Key(), other.Gap)
	}
}

// missing reports whether the registry has said that it has no such manifest.
func missing(g Gap) bool { return g.Cause == Absent || g.Cause == Refused }

// earlier judges a run's image that the catalog does not have any more.
func (j *judge) earlier(o *opinion, where, digest string) {
	e := j.Release.Earlier
	switch commit, known := e.Value[digest]; {
	case known:
		o.match(where, "image", digest+" of the earlier catalog of "+commit)
	case !e.Found:
		o.cannot(where+": earlier catalogs", e.Gap)
	default:
		o.against(where, "the image %s is in no catalog of the branch's history", digest)
	}
}

// serviceOf is the service whose images are in a repository.
func serviceOf(c *catalog.Catalog, repository string) (catalog.Service, bool) {
	for _, s := range c.Services {
		if s.Image.Repository == repository {
			return s, true
		}
	}
	return catalog.Service{}, false
}

// pinned is rule F2 for what is live.
func (j *judge) pinned(o *opinion) {
	pods, ok := j.objects(o, "", "Pod")
	if !ok {
		return
	}
	for _, p := range pods {
		for _, c := range containersOf(p) {
			if canon.IsDigest(c.pinned.Digest) {
				o.match(p.ID()+" "+c.name, "image", c.image)
			} else {
				o.differ(p.ID()+" "+c.name, "image", c.image, "a reference by digest")
			}
		}
	}
	if len(pods) == 0 && j.Gitops.Found && len(j.Gitops.Value.Catalog.Services) > 0 {
		o.match("Namespace "+j.Names.RuntimeNamespace, "pods", "0")
	}
}

// releasePath is rule E9 for what is live and for the released source.
func (j *judge) releasePath(o *opinion) {
	pods, ok := j.objects(o, "", "Pod")
	if ok {
		for _, p := range pods {
			j.untouched(o, p)
		}
		if o.state() != Contradicted {
			o.match("Pods", "images", "from "+j.intent().Registry.Address)
		}
	}
	j.checked(o, "E9", nil)
}

// untouched looks for local images and patched pods.
func (j *judge) untouched(o *opinion, p Object) {
	for _, c := range p.Items("spec", "ephemeralContainers") {
		o.against(p.ID(), "the container %s was put into the pod by hand", c.Text("name"))
	}
	for _, c := range containersOf(p) {
		where := p.ID() + " " + c.name
		if c.pinned.Registry != j.intent().Registry.Address {
			o.differ(where, "image", c.image, "an image of "+j.intent().Registry.Address)
		}
		if id := c.status.Text("imageID"); id != "" && ParseReference(id).Repository == "" {
			o.differ(where, "imageID", id, "an image of a registry: this one was made on the node")
		}
	}
}
