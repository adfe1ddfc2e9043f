package plan

import (
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Plan"
)

// Plan says, for each enabled service, whether its image must be built.
type Plan struct {
	APIVersion     string    `json:"apiVersion"`
	Kind           string    `json:"kind"`
	Project        string    `json:"project"`
	Lane           string    `json:"lane"`
	SourceCommitID string    `json:"sourceCommitId"`
	IntentDigest   string    `json:"intentDigest"`
	Builder        string    `json:"builder"`              // such as "buildkit v0.34.2"
	Base           *Base     `json:"base,omitempty"`       // the catalog it was compared with; none when it was made without one
	Exploratory    bool      `json:"exploratory,omitzero"` // made from another intent: later steps refuse it
	Services       []Service `json:"services"`             // sorted by id
}

// Base is the catalog that a plan was compared with.
type Base struct {
	SourceCommitID string `json:"sourceCommitId"`
	CatalogDigest  string `json:"catalogDigest"` // of the catalog's bytes
}

// Service is the decision for one service.
type Service struct {
	ID       string   `json:"id"`
	Decision Decision `json:"decision"`
	Identity string   `json:"identity"`
	Reasons  []string `json:"reasons"` // for people, most important first
}

// Decision is what happens to a service's image.
type Decision string

// The decisions of rule E4.
const (
	Build Decision = "build"
	Reuse Decision = "reuse"
)

// Encode gives the canonical bytes.
func (p *Plan) Encode() ([]byte, error) { return canon.Marshal(p) }

// ToBuild are the services whose image must be built.
func (p *Plan) ToBuild() []Service {
	return slices.DeleteFunc(slices.Clone(p.Services), func(s Service) bool { return s.Decision != Build })
}

var limits = canon.Limits{Bytes: 16 << 20, Depth: 8}

// Parse reads a plan that a later step is about to act on. An exploratory plan,
// one of another lane, or a malformed one is refused by rule E4.
func Parse(file string, data []byte, n names.Names) (*Plan, error) {
	p := new(Plan)
	if err := canon.Unmarshal(file, "E4", data, p, limits); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	refuse := func(format string, args ...any) error {
		return fail.Refuse("E4", file, "make the plan again with lane plan", format, args...)
	}
	switch {
	case p.APIVersion != APIVersion || p.Kind != Kind:
		return nil, refuse("it is %s %s, not a plan of %s", p.APIVersion, p.Kind, APIVersion)
	case p.Exploratory:
		return nil, refuse("it was made from another intent, to look at")
	case p.Project != n.Project || p.Lane != n.Lane:
		return nil, refuse("it is a plan of %s %s, not of %s %s", p.Project, p.Lane, n.Project, n.Lane)
	case !canon.IsCommit(p.SourceCommitID):
		return nil, refuse("sourceCommitId %q is not a full commit id", p.SourceCommitID)
	case !canon.IsDigest(p.IntentDigest):
		return nil, refuse("intentDigest %q is not a sha256 digest", p.IntentDigest)
	case p.Base != nil && (!canon.IsCommit(p.Base.SourceCommitID) || !canon.IsDigest(p.Base.CatalogDigest)):
		return nil, refuse("its base is malformed")
	}
	for i, s := range p.Services {
		switch {
		case i > 0 && p.Services[i-1].ID >= s.ID:
			return nil, refuse("service %q is out of order or stands twice", s.ID)
		case s.Decision != Build && s.Decision != Reuse:
			return nil, refuse("service %q has the decision %q", s.ID, s.Decision)
		case s.Decision == Reuse && p.Base == nil:
			return nil, refuse("service %q is reused from no catalog", s.ID)
		case !canon.IsDigest(s.Identity):
			return nil, refuse("service %q has the identity %q", s.ID, s.Identity)
		}
	}
	return p, nil
}

// Confirm refuses a plan that does not have exactly the given components, with
// their identities: it was made by another lane, or edited (rule F5).
func (p *Plan) Confirm(components []*Component) error {
	refuse := func(service, format string, args ...any) error {
		return fail.Refuse("F5", service, "plan the commit again, with this version of lane", format, args...)
	}
	made := map[string]string{}
	for _, c := range components {
		made[c.ServiceID] = c.Identity()
	}
	for _, s := range p.Services {
		switch identity, ok := made[s.ID]; {
		case !ok:
			return refuse(s.ID, "at %.12s there is no such service", p.SourceCommitID)
		case identity != s.Identity:
			return refuse(s.ID, "at %.12s it is made of %s, the plan says %s", p.SourceCommitID, identity, s.Identity)
		}
	}
	return nil
}

// SourceCommit is the commit that a plan names, read before it is known whose
// plan it should be. Parse judges the rest.
func SourceCommit(file string, data []byte) (string, error) {
	p := new(Plan)
	if err := canon.Unmarshal(file, "E4", data, p, limits); err != nil {
		return "", fmt.Errorf("reading the plan: %w", err)
	}
	if !canon.IsCommit(p.SourceCommitID) {
		return "", fail.Refuse("E4", file, "make the plan again with lane plan", "sourceCommitId %q is not a full commit id", p.SourceCommitID)
	}
	return p.SourceCommitID, nil
}
