package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/verify"
)

// Document is what a page tells.
type Document struct {
	Verdict  verify.Verdict
	Services []Service
	Timeline []Event // oldest first
	Records  metadata.Records
	Notes    []string // what the page cannot tell, and why
}

// Service is one service of the catalog.
type Service struct {
	verify.ServiceStatus
	Status     string // published or reused
	Repository string
	Identity   string
	Reasons    []string // why it was built or reused
}

// Event is one moment of the release.
type Event struct {
	At    time.Time
	What  string
	State verify.State // "" for what is neither good nor bad
}

// Of is what the evidence behind a verdict shows. It knows neither the history of
// the GitOps branch nor the reasons of the plan: the caller adds them.
func Of(e verify.Evidence, v verify.Verdict) Document {
	d := Document{Verdict: v}
	status := verify.StatusOf(e)
	if !e.Gitops.Found || e.Gitops.Value.Catalog == nil {
		d.Notes = append(d.Notes, "services: the GitOps branch was not seen, which names them")
	} else {
		d.Records = metadata.Read(e.Gitops.Value.Files, e.Names)
		for i, s := range e.Gitops.Value.Catalog.Services {
			d.Services = append(d.Services, Service{
				ServiceStatus: status.Services[i], Status: string(s.Status), Repository: s.Image.Repository, Identity: s.ComponentIdentity,
			})
		}
	}
	d.events(e, status)
	return d
}

// Explain says why each service was built or reused.
func (d *Document) Explain(reasons map[string][]string) {
	for i := range d.Services {
		d.Services[i].Reasons = reasons[d.Services[i].ServiceID]
	}
}

// Add puts an event in its place. One without a time is left out.
func (d *Document) Add(events ...Event) {
	for _, e := range events {
		if !e.At.IsZero() {
			d.Timeline = append(d.Timeline, e)
		}
	}
	slices.SortStableFunc(d.Timeline, func(a, b Event) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
}

// Drift are the observations of what is live another than the GitOps branch has it:
// those against the lane, and those that a record covers.
func (d Document) Drift() []Drift {
	var all []Drift
	for _, rule := range []string{"H3", "H2", "G1"} {
		f, _ := d.Verdict.Finding(rule)
		for _, ob := range f.Observations {
			if ob.State == verify.Contradicted || ob.State == verify.Matched && ob.Field == "" {
				all = append(all, Drift{rule, ob})
			}
		}
	}
	return all
}

// Drift is one thing that is live another than it should be.
type Drift struct {
	Rule string
	verify.Observation
}

// maxAmiss is how many observations of a rule are told at once; the evidence has all.
const maxAmiss = 8

// Amiss are the findings that keep the lane from being accepted, with what speaks
// against them.
func (d Document) Amiss() []Amiss {
	var all []Amiss
	for _, s := range []verify.State{verify.Contradicted, verify.Unknown} {
		for _, c := range d.Verdict.Links {
			for _, f := range c.Findings {
				if f.State != s {
					continue
				}
				f.Observations = slices.DeleteFunc(slices.Clone(f.Observations), func(ob verify.Observation) bool { return ob.State == verify.Matched })
				more := max(0, len(f.Observations)-maxAmiss)
				f.Observations = f.Observations[:len(f.Observations)-more]
				all = append(all, Amiss{f, more})
			}
		}
	}
	return all
}

// Amiss is one such finding.
type Amiss struct {
	verify.Finding
	More int // observations that are not told here
}

// Chain is the links in the order in which a release passes them.
func (d Document) Chain() []verify.Chain {
	all := slices.Clone(d.Verdict.Links)
	slices.Reverse(all)
	return all
}
