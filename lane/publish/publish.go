// Package publish builds the images that a plan wants, pushes them and proves
// their digests (rules B6, E5, F1, F3, F5, F6).
//
// Input is a plan, the components of the services it builds, a repository to
// read their blobs from, a builder and a registry; output is Published: one
// proven schema2 digest for each of those services, under a tag that is the full
// source commit. What is published was compiled and assembled from exactly the
// files that the plan's identities cover: nothing else is in the folders that
// the compiler and the builder read.
//
// An image is pushed by digest, proved, and only then tagged, so a tag never
// means half an image. A tag that means another image is never moved: it is
// refused by rule F1 with both digests. A call that was killed can be made
// again; what the registry proves to be built from the same identity is not
// built again. Nothing of a lane, and no commit, is in an image.
//
// Refused are components that are not the plan's (F5), another builder than the
// plan's (F5), a binary that does not say of itself what the plan says (F5), and
// every wrong answer of the registry (F3). The package writes only below its
// State folder and to the registry, never to the repository.
package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// Publisher publishes plans. All fields but Progress and Parallel are needed.
type Publisher struct {
	Repo     *git.Repo // holds the plan's commit
	Names    names.Names
	Registry *registry.Client
	Address  string // of the registry to push to, host:port
	State    string // folder for work and caches; one call uses it at a time

	// Builder starts the builder, once, and only when something must be built.
	// hasRun says that a Dockerfile has RUN instructions.
	Builder func(ctx context.Context, hasRun bool) (builder.Builder, error)

	Progress func(Event) // called from one goroutine at a time
	Parallel int         // how many services are built at once; 0 is a good number
}

// Event is one step of one service, or of all when Service is "".
type Event struct {
	Service string
	Step    Step
	Detail  string // a digest, or what is waited for
}

// Step is what begins for a service; the last three end it.
type Step string

// The steps, in their order.
const (
	Waiting   Step = "waiting" // for another call that uses the same state folder
	Asking    Step = "asking the registry"
	Compiling Step = "compiling"
	Fetching  Step = "fetching an archive"
	Building  Step = "building the image"
	Proving   Step = "proving the digest"

	Done    Step = "published"
	Already Step = "already published" // by an earlier call
	Failed  Step = "failed"
)

// Run publishes the services that p builds. components are what their images are
// made of; those of other services are ignored. The services go on side by side,
// and one that fails does not stop the others: the error names all that failed,
// and what did not fail need not be built again.
func (pub *Publisher) Run(ctx context.Context, p *plan.Plan, components []*plan.Component) (*Published, error) {
	jobs, err := pub.jobs(p, components)
	if err != nil {
		return nil, err
	}
	out := Nothing(p)
	if len(jobs) == 0 {
		return out, nil
	}
	r := &run{Publisher: pub, plan: p}
	if r.state, err = openState(ctx, pub.State, func() { r.tell(Event{Step: Waiting, Detail: pub.State}) }); err != nil {
		return nil, err
	}
	defer r.state.close()

	if err := each(registry.Parallel, jobs, func(j *job) error { return r.ask(ctx, j) }); err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return j.done })
	if len(missing) > 0 {
		if err := r.build(ctx, missing); err != nil {
			return nil, err
		}
	}
	for _, j := range jobs {
		out.Services = append(out.Services, Service{
			ServiceID: j.ServiceID, ComponentIdentity: j.identity,
			Image: Image{Repository: j.ref.Repository, Tag: p.SourceCommitID, Digest: j.digest, MediaType: MediaType},
		})
	}
	slices.SortFunc(out.Services, func(a, b Service) int { return cmp.Compare(a.ServiceID, b.ServiceID) })
	return out, nil
}

// jobs are what p wants to be built, checked against what the tree says.
func (pub *Publisher) jobs(p *plan.Plan, components []*plan.Component) ([]*job, error) {
	var jobs []*job
	for _, s := range p.ToBuild() {
		i := slices.IndexFunc(components, func(c *plan.Component) bool { return c.ServiceID == s.ID })
		if i < 0 {
			return nil, fmt.Errorf("publishing %s: nobody says what it is made of", s.ID)
		}
		j := &job{Component: components[i], identity: components[i].Identity()}
		if j.identity != s.Identity {
			return nil, fail.Refuse("F5", s.ID, "plan the commit again, with this version of lane",
				"at %.12s it is made of %s, the plan says %s", p.SourceCommitID, j.identity, s.Identity)
		}
		j.ref = registry.Ref{Registry: pub.Address, Repository: pub.Names.Repository(s.ID)}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// run is one call.
type run struct {
	*Publisher
	plan  *plan.Plan
	state *state

	mu sync.Mutex // of Progress
}

func (r *run) tell(e Event) {
	if r.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Progress(e)
}

// build builds what is missing. The builder starts while the first programs are
// compiled.
func (r *run) build(ctx context.Context, jobs []*job) error {
	type started struct {
		builder builder.Builder
		err     error
	}
	hasRun := slices.ContainsFunc(jobs, func(j *job) bool { return j.HasRun })
	ready := make(chan started, 1)
	go func() {
		b, err := r.Builder(ctx, hasRun)
		ready <- started{b, err}
	}()
	var once sync.Once
	var s started
	theBuilder := func() (builder.Builder, error) {
		once.Do(func() {
			s = <-ready
			if s.err == nil && s.builder.Name() != r.plan.Builder {
				s.err = fail.Refuse("F5", s.builder.Name(), "publish with the builder that the plan was made for, or plan again", "the plan is for %s", r.plan.Builder)
			}
		})
		return s.builder, s.err
	}
	defer func() {
		_, _ = theBuilder() // an error was reported to who wanted to build
		if s.builder != nil {
			s.builder.Close()
		}
	}()

	blobs, err := r.Repo.Blobs(ctx)
	if err != nil {
		return err
	}
	defer blobs.Close()
	w := &workshop{run: r, blobs: blobs, builder: theBuilder, compilers: make(chan struct{}, compilers), environments: map[string][]string{}}
	return each(cmp.Or(r.Parallel, 8), jobs, func(j *job) error {
		err := w.publish(ctx, j)
		if err != nil {
			r.tell(Event{Service: j.ServiceID, Step: Failed})
		}
		return err
	})
}

// each does something for all jobs, n at once, and joins what went wrong in the
// jobs' order. A cancelled context is reported once.
func each(n int, jobs []*job, do func(*job) error) error {
	errs := make([]error, len(jobs))
	var g errgroup.Group
	g.SetLimit(n)
	for i, j := range jobs {
		g.Go(func() error {
			if err := do(j); err != nil {
				errs[i] = fmt.Errorf("publishing %s: %w", j.ServiceID, err)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for _, err := range errs {
		if errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}
