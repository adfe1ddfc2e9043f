package publish

import (
	"fmt"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
)

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Published"
)

// MediaType is the only manifest type that is published (rule F3).
const MediaType = "application/vnd.docker.distribution.manifest.v2+json"

// Published names the images that were built and proved for one plan.
type Published struct {
	APIVersion     string    `json:"apiVersion"`
	Kind           string    `json:"kind"`
	Project        string    `json:"project"`
	Lane           string    `json:"lane"`
	SourceCommitID string    `json:"sourceCommitId"`
	Services       []Service `json:"services"` // those that were built, sorted by id
}

// Service is one built service's proven image.
type Service struct {
	ServiceID         string `json:"serviceId"`
	ComponentIdentity string `json:"componentIdentity"`
	Image             Image  `json:"image"`
}

// Image is a schema2 image, pinned.
type Image struct {
	Repository string `json:"repository"` // without the registry, such as agentrun/agentrun-mgr
	Tag        string `json:"tag"`        // the full source commit (rule F1)
	Digest     string `json:"digest"`     // as proved by the registry (rule F3)
	MediaType  string `json:"mediaType"`
}

// Nothing is what was published for a plan that builds nothing.
func Nothing(p *plan.Plan) *Published {
	return &Published{
		APIVersion: APIVersion, Kind: Kind, Project: p.Project, Lane: p.Lane,
		SourceCommitID: p.SourceCommitID, Services: []Service{},
	}
}

// Encode gives the canonical bytes.
func (p *Published) Encode() ([]byte, error) { return canon.Marshal(p) }

var limits = canon.Limits{Bytes: 16 << 20, Depth: 8}

// Parse reads what an earlier publish wrote. A document of another lane, with a
// tag that is not its commit (rule F1) or a digest that is none (rule F3) is
// refused.
func Parse(file string, data []byte, n names.Names) (*Published, error) {
	p := new(Published)
	if err := canon.Unmarshal(file, "F4", data, p, limits); err != nil {
		return nil, fmt.Errorf("reading the published images: %w", err)
	}
	const hint = "publish the plan again with lane publish"
	switch {
	case p.APIVersion != APIVersion || p.Kind != Kind:
		return nil, fail.Refuse("F4", file, hint, "it is %s %s, not %s %s", p.APIVersion, p.Kind, APIVersion, Kind)
	case p.Project != n.Project || p.Lane != n.Lane:
		return nil, fail.Refuse("F4", file, hint, "it is of %s %s, not of %s %s", p.Project, p.Lane, n.Project, n.Lane)
	case !canon.IsCommit(p.SourceCommitID):
		return nil, fail.Refuse("F4", file, hint, "sourceCommitId %q is not a full commit id", p.SourceCommitID)
	}
	for i, s := range p.Services {
		switch {
		case i > 0 && p.Services[i-1].ServiceID >= s.ServiceID:
			return nil, fail.Refuse("F4", file, hint, "service %q is out of order or stands twice", s.ServiceID)
		case !canon.IsDigest(s.ComponentIdentity):
			return nil, fail.Refuse("F4", file, hint, "service %q has the identity %q", s.ServiceID, s.ComponentIdentity)
		case s.Image.Tag != p.SourceCommitID:
			return nil, fail.Refuse("F1", file, hint, "service %q has the tag %q, want %s", s.ServiceID, s.Image.Tag, p.SourceCommitID)
		case !canon.IsDigest(s.Image.Digest) || s.Image.MediaType != MediaType:
			return nil, fail.Refuse("F3", file, hint, "service %q has the digest %q of type %q", s.ServiceID, s.Image.Digest, s.Image.MediaType)
		case s.Image.Repository != n.Repository(s.ServiceID):
			return nil, fail.Refuse("F4", file, hint, "service %q has the repository %q", s.ServiceID, s.Image.Repository)
		}
	}
	return p, nil
}
