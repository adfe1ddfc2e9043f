// Package catalog is the artifact catalog: one proven image for each service of
// a lane (rules F4, C5).
//
// Parse reads catalog bytes that nobody trusts and refuses, by name, whatever is
// not a complete catalog of the expected lane in canonical form. Next makes the
// catalog of a release from the previous one, the plan and what was published.
// Encode gives the canonical bytes: the same release always gives the same
// bytes, so nothing in it is a time, a host or a run. The package reads and
// writes no file and falls back to nothing.
package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/publish"
)

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Catalog"
)

// Catalog names the image of each service of a lane.
type Catalog struct {
	APIVersion     string    `json:"apiVersion"`
	Kind           string    `json:"kind"`
	Project        string    `json:"project"`
	Lane           string    `json:"lane"`
	SourceBranch   string    `json:"sourceBranch"`
	GitopsBranch   string    `json:"gitopsBranch"`
	SourceCommitID string    `json:"sourceCommitId"` // the released commit, 40 hex digits
	IntentDigest   string    `json:"intentDigest"`   // of the intent at that commit
	RenderDigest   string    `json:"renderDigest"`   // of the manifests rendered from both
	Services       []Service `json:"services"`       // sorted by id; empty only in a lane's first catalog
}

// Service is one service's image and where it comes from.
type Service struct {
	ServiceID         string     `json:"serviceId"`
	Status            Status     `json:"status"`
	SourceCommitID    string     `json:"sourceCommitId"` // the commit it was built from
	ComponentIdentity string     `json:"componentIdentity"`
	Image             Image      `json:"image"`
	Generation        Generation `json:"generation,omitempty"` // of its pods; "" until they are replaced for the first time
}

// Status says how a service came into a catalog.
type Status string

// A service is published when it was built from the released commit, else reused.
const (
	Published Status = "published"
	Reused    Status = "reused"
)

// Image is a schema2 image, pinned, as it was published.
type Image = publish.Image

// Service finds a service by id.
func (c *Catalog) Service(id string) (Service, bool) {
	i, ok := slices.BinarySearchFunc(c.Services, id, func(s Service, id string) int { return cmp.Compare(s.ServiceID, id) })
	if !ok {
		return Service{}, false
	}
	return c.Services[i], true
}

// Encode gives the canonical bytes.
func (c *Catalog) Encode() ([]byte, error) { return canon.Marshal(c) }

// ServicesDigest is the digest of the services section alone, which a task can
// leave behind as a result: what was released, in 71 bytes.
func (c *Catalog) ServicesDigest() (string, error) {
	data, err := canon.Marshal(c.Services)
	if err != nil {
		return "", err
	}
	return canon.Digest(data), nil
}

// Empty is the first catalog of a lane: valid, of no services.
func Empty(n names.Names, commit, intentDigest string) *Catalog {
	return &Catalog{
		APIVersion: APIVersion, Kind: Kind, Project: n.Project, Lane: n.Lane,
		SourceBranch: n.SourceBranch, GitopsBranch: n.GitopsBranch,
		SourceCommitID: commit, IntentDigest: intentDigest, Services: []Service{},
	}
}

var limits = canon.Limits{Bytes: 16 << 20, Depth: 8}

var serviceID = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$`)

// Parse reads the catalog of the lane that n names. file is only used in
// messages. A catalog that is truncated, of a newer version, of another lane,
// not in canonical form or malformed in any field is refused by rule C5.
func Parse(file string, data []byte, n names.Names) (*Catalog, error) {
	// Beside the decoding, because a promotion waits for both. No field may be
	// left out, or validate refuses it, and a generation that is there is whole, so
	// the form of the bytes is all there is to compare.
	canonical := make(chan bool, 1)
	go func() { canonical <- len(data) <= limits.Bytes && canon.IsCanonical(data) }()
	c, err := decode(file, data)
	if err != nil {
		return nil, err
	}
	if err := c.validate(file, n); err != nil {
		return nil, err
	}
	if !<-canonical {
		return nil, refuse(file, "it is not in canonical form, so it was not written by lane")
	}
	return c, nil
}

// decode reads the form alone. What is wrong with it is no matter of mending: a
// catalog is never written by hand.
func decode(file string, data []byte) (*Catalog, error) {
	c := new(Catalog)
	err := canon.Unmarshal(file, "C5", data, c, limits)
	if findings, ok := errors.AsType[fail.Findings](err); ok {
		return nil, refuse(findings[0].Where(), "%s", findings[0].Why)
	}
	return c, err
}

func refuse(where, format string, args ...any) error {
	return fail.Refuse("C5", where, "the catalog is written by lane alone: restore the GitOps branch to a commit that lane made", format, args...)
}

func (c *Catalog) validate(file string, n names.Names) error {
	for _, f := range []struct{ name, got, want string }{
		{"apiVersion", c.APIVersion, APIVersion},
		{"kind", c.Kind, Kind},
		{"project", c.Project, n.Project},
		{"lane", c.Lane, n.Lane},
		{"sourceBranch", c.SourceBranch, n.SourceBranch},
		{"gitopsBranch", c.GitopsBranch, n.GitopsBranch},
	} {
		if f.got != f.want {
			return refuse(file, "%s is %q, want %q", f.name, f.got, f.want)
		}
	}
	switch {
	case !canon.IsCommit(c.SourceCommitID):
		return refuse(file, "sourceCommitId %q is not a full commit id", c.SourceCommitID)
	case !canon.IsDigest(c.IntentDigest):
		return refuse(file, "intentDigest %q is not a sha256 digest", c.IntentDigest)
	case !canon.IsDigest(c.RenderDigest):
		return refuse(file, "renderDigest %q is not a sha256 digest", c.RenderDigest)
	case c.Services == nil:
		return refuse(file, "services is missing")
	}
	for i, s := range c.Services {
		where := fmt.Sprintf("%s: services[%d]", file, i)
		if i > 0 && c.Services[i-1].ServiceID >= s.ServiceID {
			return refuse(where, "service %q is out of order or stands twice", s.ServiceID)
		}
		if err := s.validate(where, n, c.SourceCommitID); err != nil {
			return err
		}
	}
	return nil
}

func (s Service) validate(where string, n names.Names, released string) error {
	want := Reused
	if s.SourceCommitID == released {
		want = Published
	}
	switch {
	case !serviceID.MatchString(s.ServiceID):
		return refuse(where, "serviceId %q is not a service id", s.ServiceID)
	case !canon.IsCommit(s.SourceCommitID):
		return refuse(where, "sourceCommitId %q is not a full commit id", s.SourceCommitID)
	case s.Status != want:
		return refuse(where, "status is %q, but its commit makes it %q", s.Status, want)
	case !canon.IsDigest(s.ComponentIdentity):
		return refuse(where, "componentIdentity %q is not a sha256 digest", s.ComponentIdentity)
	case s.Image.Repository != n.Repository(s.ServiceID):
		return refuse(where, "image.repository is %q, want %q", s.Image.Repository, n.Repository(s.ServiceID))
	case s.Image.Tag != s.SourceCommitID:
		return fail.Refuse("F1", where, "the tag is the full commit the image was built from", "image.tag is %q, want %q", s.Image.Tag, s.SourceCommitID)
	case !canon.IsDigest(s.Image.Digest):
		return refuse(where, "image.digest %q is not a sha256 digest", s.Image.Digest)
	case s.Image.MediaType != publish.MediaType:
		return fail.Refuse("F3", where, "publish the service again", "image.mediaType is %q, want %q", s.Image.MediaType, publish.MediaType)
	}
	return nil
}

// SourceCommit is the released commit that a catalog names, read before it is
// known whose lane's catalog it should be. Parse judges the rest.
func SourceCommit(file string, data []byte) (string, error) {
	c, err := decode(file, data)
	if err != nil {
		return "", err
	}
	if !canon.IsCommit(c.SourceCommitID) {
		return "", refuse(file, "sourceCommitId %q is not a full commit id", c.SourceCommitID)
	}
	return c.SourceCommitID, nil
}
