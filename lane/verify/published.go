package verify

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/publish"
)

const fieldPublished = pipeline.TaskPublish + "." + pipeline.ResultPublished

// published judges whether the images that the catalog says were built from the
// released commit were, part of rule I10.
//
// A run that releases a commit again builds none of what the catalog has of it already:
// it takes those entries from the branch as they stand, whoever wrote them, and its own
// results say no more than that it did. So they prove nothing, nor does the catalog of
// the commit that it stands on: who could push another image there would have it called
// published. What a hand on the branch cannot write is the digest that a publish task
// left, and that is of the images themselves. So each such entry has to be in a document
// that a run of this commit published; once Tekton has forgotten that run, it is
// unknown.
func (j *judge) published(o *opinion, run Object, left results, c *catalog.Catalog) {
	id, field := run.ID(), pipeline.TaskPlan+"."+pipeline.ResultBuild
	build := left[pipeline.TaskPlan][pipeline.ResultBuild]
	n, err := strconv.Atoi(build)
	_, ran := left[pipeline.TaskPublish]
	switch {
	case build == "":
		o.cannot(id, Gap{Why: "its plan left no " + field + ", which says how many services were built"})
		return
	case err != nil || n < 0:
		o.differ(id, field, build, "a number")
		return
	case !ran && n > 0:
		o.against(id, "its plan had %s to build, and no publish task ran", plural(n, "service"))
		return
	}
	wanted := fresh(c)
	its, sure := built(left, c)
	switch {
	case !ran && len(wanted) == 0:
		o.match(id, fieldPublished, "nothing was to be built")
		return
	case !ran:
		o.note(id, "nothing was to be built: its commit was released before")
	case !sure:
		o.cannot(id, Gap{Why: unsure})
		return
	case its == nil:
		o.differ(id, fieldPublished, left[pipeline.TaskPublish][pipeline.ResultPublished], documentDigest(c, wanted))
		return
	default:
		o.match(id, fieldPublished, left[pipeline.TaskPublish][pipeline.ResultPublished])
		if more := without(its, wanted); len(more) > 0 {
			o.note(id, "it built %s too, which came out as before", ids(more))
		}
	}
	j.builtBefore(o, run, without(wanted, its), c)
}

// builtBefore judges the services that another run of the commit has to have built.
func (j *judge) builtBefore(o *opinion, run Object, rest []catalog.Service, c *catalog.Catalog) {
	if len(rest) == 0 {
		return
	}
	if !j.Tekton.Runs.Found {
		o.cannot("PipelineRuns of the lane, one of which built "+ids(rest), j.Tekton.Runs.Gap)
		return
	}
	published, all := false, true
	for _, r := range j.siblings(run) {
		tasks := j.tasksOf(r)
		if !tasks.Found {
			o.cannot("TaskRuns of "+r.Name(), tasks.Gap)
			return
		}
		left := resultsOf(tasks.Value)
		digest := left[pipeline.TaskPublish][pipeline.ResultPublished]
		its, sure := built(left, c)
		if still := without(rest, its); len(still) < len(rest) {
			o.match(r.ID(), fieldPublished, digest)
			rest = still
		}
		published, all = published || digest != "", all && sure
	}
	switch {
	case len(rest) == 0:
	case !all:
		o.cannot(run.ID(), Gap{Why: unsure})
	case published:
		o.against(run.ID(), "the catalog says that %s was built from this commit: this run did not, and no other run of the commit published that image", ids(rest))
	default:
		o.cannot(run.ID(), Gap{
			Why:  "it did not build " + ids(rest) + ", and Tekton has forgotten the run of this commit that did",
			Hint: "release a newer commit: what it does not change is reused",
		})
	}
}

// unsure is why no services were found that a run published.
const unsure = fieldPublished + " was compared with many choices of services, and not with all"

// fresh are the services that the catalog says were built from the released commit.
func fresh(c *catalog.Catalog) []catalog.Service {
	return slices.DeleteFunc(slices.Clone(c.Services), func(s catalog.Service) bool { return s.Status != catalog.Published })
}

// maxChoices bounds how many choices of services are compared with one digest.
const maxChoices = 5000

// built are the services of the catalog whose images a run published, or nil. The run
// left the digest of a document of as many services as its plan counted, each tagged
// with the commit; so those with which the document has that digest are it. Nearly
// always they are the ones that the catalog calls published. One that was built and came
// out as it was, because another release put the same image there meanwhile, keeps that
// one's entry; so next they are tried with all of another commit, and then in any
// choice. sure says that none was left out.
func built(left results, c *catalog.Catalog) (its []catalog.Service, sure bool) {
	digest := left[pipeline.TaskPublish][pipeline.ResultPublished]
	n, err := strconv.Atoi(left[pipeline.TaskPlan][pipeline.ResultBuild])
	if err != nil || digest == "" {
		return nil, true
	}
	published, older := fresh(c), map[string][]catalog.Service{}
	for _, s := range without(c.Services, published) {
		older[s.SourceCommitID] = append(older[s.SourceCommitID], s)
	}
	likely := [][]catalog.Service{published}
	for _, commit := range slices.Sorted(maps.Keys(older)) {
		likely = append(likely, slices.Concat(published, older[commit]))
	}
	for _, some := range likely {
		if len(some) == n && documentDigest(c, some) == digest {
			return some, true
		}
	}
	tries := 0
	for some := range choices(slices.Concat(published, without(c.Services, published)), n) {
		if documentDigest(c, some) == digest {
			return some, true
		}
		if tries++; tries == maxChoices {
			return nil, false
		}
	}
	return nil, true
}

// choices are all ways to take n of all, the first ones first.
func choices(all []catalog.Service, n int) iter.Seq[[]catalog.Service] {
	return func(yield func([]catalog.Service) bool) {
		var choose func(from int, chosen []catalog.Service) bool
		choose = func(from int, chosen []catalog.Service) bool {
			if len(chosen) == n {
				return yield(slices.Clone(chosen))
			}
			for i := from; i <= len(all)-(n-len(chosen)); i++ {
				if !choose(i+1, append(chosen, all[i])) {
					return false
				}
			}
			return true
		}
		if n >= 0 && n <= len(all) {
			choose(0, []catalog.Service{})
		}
	}
}

// documentDigest is the digest of what publish leaves when it has built some services.
func documentDigest(c *catalog.Catalog, some []catalog.Service) string {
	p := publish.Published{
		APIVersion: publish.APIVersion, Kind: publish.Kind, Project: c.Project, Lane: c.Lane, SourceCommitID: c.SourceCommitID,
		Services: []publish.Service{},
	}
	for _, s := range some {
		s.Image.Tag = c.SourceCommitID
		p.Services = append(p.Services, publish.Service{ServiceID: s.ServiceID, ComponentIdentity: s.ComponentIdentity, Image: s.Image})
	}
	slices.SortFunc(p.Services, func(a, b publish.Service) int { return cmp.Compare(a.ServiceID, b.ServiceID) })
	data, err := p.Encode()
	if err != nil {
		return err.Error() // of no document
	}
	return digest(data)
}

// without are the services of all that some has not.
func without(all, some []catalog.Service) []catalog.Service {
	has := make(map[catalog.Service]bool, len(some))
	for _, s := range some {
		has[s] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(s catalog.Service) bool { return has[s] })
}

func ids(services []catalog.Service) string {
	all := make([]string, len(services))
	for i, s := range services {
		all[i] = s.ServiceID
	}
	return strings.Join(all, ", ")
}
