// Package plan decides which services a commit changes (rules E4, F5, F6).
//
// Make compares, service by service, the identity of what an image would be made
// of at a commit with the identity that the previous catalog holds: equal means
// reuse, anything else means build. It reads the commit, never a work tree, and
// compares with what was really released, never with "the last green run"; so
// force-pushes, shallow clones and failed builds lose no change. Its cost follows
// the tree and the change, not the history.
//
// An identity is the hash of named, printable inputs (Component.Inputs): the
// builder, the platform, the toolchain and the fixed settings of the build; of a
// Go program every file and module that its build really uses, found without
// lists by hand; of a Dockerfile its text, the base images that it uses from the
// lock, and the files that build.inputs name. Equal identity means equal image;
// Component says why. Nothing of the lane, the cluster, the environment or the
// commit is an input, so two lanes share what they build (rule F6).
//
// Explain prints the inputs of one service and which of them changed. Parse reads
// a plan back, strictly. The package writes nothing but its cache, and a release
// never depends on that.
package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// Request is what a plan is made from.
type Request struct {
	Loader
	Commit string         // full id
	Intent *intent.Intent // of Commit, unless Exploratory

	// Previous is what the previous catalog holds, by service id; nil when the
	// plan is made without one. Base names that catalog.
	Previous map[string]Previous
	Base     *Base

	Rebuild     []string // ids to build although nothing changed
	Exploratory bool     // the intent is not the commit's own
}

// Previous is how a service stands in the previous catalog.
type Previous struct {
	Identity       string
	SourceCommitID string // the commit it was built from
}

// Make decides build or reuse for every enabled service. The error names
// everything that keeps a service from being planned. With a nil Base every
// service is built.
func Make(ctx context.Context, req Request) (*Plan, error) {
	services, err := req.services()
	if err != nil {
		return nil, err
	}
	intentDigest, err := req.Intent.Digest()
	if err != nil {
		return nil, err
	}
	s, err := req.Snapshot(ctx, req.Commit)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	described, err := s.describeAll(ctx, services)
	if err != nil {
		return nil, fmt.Errorf("planning %.12s: %w", req.Commit, err)
	}
	p := &Plan{
		APIVersion: APIVersion, Kind: Kind,
		Project: req.Intent.Project, Lane: req.Intent.Lane,
		SourceCommitID: req.Commit, IntentDigest: intentDigest,
		Builder: req.Builder, Base: req.Base, Exploratory: req.Exploratory,
		Services: make([]Service, len(services)),
	}
	h := history{snapshot: s, commits: map[string]*past{}}
	for i, d := range described {
		p.Services[i], err = req.decide(ctx, &h, d)
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// services are the enabled services, sorted by id.
func (req Request) services() ([]intent.Service, error) {
	if !canon.IsCommit(req.Commit) {
		return nil, fmt.Errorf("planning %q: not a full commit id", req.Commit)
	}
	services := req.Intent.EnabledServices()
	slices.SortFunc(services, func(a, b intent.Service) int { return cmp.Compare(a.ID, b.ID) })
	for _, id := range req.Rebuild {
		if !slices.ContainsFunc(services, func(s intent.Service) bool { return s.ID == id }) {
			return nil, &fail.Error{
				Code: fail.Usage, Where: id, Hint: "name the id of an enabled service",
				Err: fmt.Errorf("there is no such service to build again"),
			}
		}
	}
	return services, nil
}

func (req Request) decide(ctx context.Context, h *history, d *description) (Service, error) {
	s := Service{ID: d.service, Decision: Build, Identity: d.identity(h.snapshot.golang.Memo)}
	was, known := req.Previous[d.service]
	switch {
	case req.Base == nil:
		s.Reasons = []string{"there is no catalog to compare with"}
	case !known:
		s.Reasons = []string{"first release of this service"}
	case was.Identity != s.Identity:
		var err error
		s.Reasons, err = h.reasons(ctx, d, was)
		return s, err
	case slices.Contains(req.Rebuild, d.service):
		s.Reasons = []string{"asked to be built again; nothing it reads has changed since " + short(was.SourceCommitID)}
	default:
		s.Decision = Reuse
		s.Reasons = []string{"nothing it reads has changed since " + short(was.SourceCommitID)}
	}
	return s, nil
}

func short(commit string) string { return commit[:min(8, len(commit))] }
