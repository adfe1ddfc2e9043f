package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
)

// Next is the catalog of the release that p plans: what was published for the
// services that p builds, the previous catalog's image for those it reuses. A
// service that is reused although the previous catalog holds another identity
// for it makes the plan stale; a service that was not published, or published
// without being planned, is refused by rule F4. RenderDigest is left empty: the
// manifests are rendered from the catalog. A service keeps its generation.
func Next(previous *Catalog, n names.Names, p *plan.Plan, pub *publish.Published) (*Catalog, error) {
	c := Empty(n, p.SourceCommitID, p.IntentDigest)
	if pub.SourceCommitID != p.SourceCommitID || pub.Project != p.Project || pub.Lane != p.Lane {
		return nil, refuseNext("the published images are of %s %s at %s, the plan is of %s %s at %s",
			pub.Project, pub.Lane, pub.SourceCommitID, p.Project, p.Lane, p.SourceCommitID)
	}
	published := map[string]publish.Service{}
	for _, s := range pub.Services {
		published[s.ServiceID] = s
	}
	for _, planned := range p.Services {
		s := Service{ServiceID: planned.ID, ComponentIdentity: planned.Identity}
		if was, ok := previous.Service(planned.ID); ok {
			s.Generation = was.Generation
		}
		built, isBuilt := published[planned.ID]
		delete(published, planned.ID)
		switch planned.Decision {
		case plan.Build:
			if !isBuilt {
				return nil, refuseNext("service %s was planned to be built and is not among the published images", planned.ID)
			}
			if built.ComponentIdentity != planned.Identity {
				return nil, refuseNext("service %s was published with the identity %s, planned with %s", planned.ID, built.ComponentIdentity, planned.Identity)
			}
			s.SourceCommitID = p.SourceCommitID
			s.Image = built.Image
			// Built while another release put the same image in the catalog: it stays
			// that one's, or pods would restart for nothing.
			if was, ok := previous.Service(planned.ID); ok && was.ComponentIdentity == planned.Identity && was.Image.Digest == built.Image.Digest {
				s.SourceCommitID, s.Image = was.SourceCommitID, was.Image
			}
		case plan.Reuse:
			if isBuilt {
				return nil, refuseNext("service %s was published although the plan reuses it", planned.ID)
			}
			was, ok := previous.Service(planned.ID)
			if !ok || was.ComponentIdentity != planned.Identity {
				return nil, &fail.Error{
					Code: fail.Stale, Rule: "E4", Where: planned.ID, Hint: "plan the commit again",
					Err: fmt.Errorf("the catalog moved on since the plan: service %s is no longer there with the identity that the plan reuses", planned.ID),
				}
			}
			s.SourceCommitID = was.SourceCommitID
			s.Image = was.Image
		}
		s.Status = Reused
		if s.SourceCommitID == c.SourceCommitID {
			s.Status = Published
		}
		c.Services = append(c.Services, s)
	}
	if len(published) > 0 {
		return nil, refuseNext("published without being planned: %s", strings.Join(slices.Sorted(maps.Keys(published)), ", "))
	}
	slices.SortFunc(c.Services, func(a, b Service) int { return cmp.Compare(a.ServiceID, b.ServiceID) })
	return c, nil
}

func refuseNext(format string, args ...any) error {
	return fail.Refuse("F4", "", "run lane plan and lane publish again for one commit", format, args...)
}
