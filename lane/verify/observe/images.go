package observe

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish/builder"
	"github.com/pikasTech/agentrun/lane/verify"
)

// images asks the registry for each image of the catalog.
func (s *gatherer) images(ctx context.Context) {
	if !s.evidence.Gitops.Found {
		return
	}
	var all []verify.Reference
	for _, svc := range s.evidence.Gitops.Value.Catalog.Services {
		all = append(all, verify.Reference{Repository: svc.Image.Repository, Digest: svc.Image.Digest})
	}
	s.ask(ctx, all)
}

// otherImages asks for what nodes say that they run and the catalog does not have.
func (s *gatherer) otherImages(ctx context.Context) {
	var all []verify.Reference
	for _, c := range s.containers() {
		for _, r := range []verify.Reference{c.pinned, c.running} {
			if _, known := s.evidence.Images[r.Key()]; !known && r.Repository != "" && canon.IsDigest(r.Digest) {
				all = append(all, r)
			}
		}
	}
	s.ask(ctx, all)
}

// ask asks for manifests, each once.
func (s *gatherer) ask(ctx context.Context, all []verify.Reference) {
	var g errgroup.Group
	g.SetLimit(registry.Parallel)
	asked := map[string]bool{}
	for _, r := range all {
		if asked[r.Key()] {
			continue
		}
		asked[r.Key()] = true
		g.Go(func() error {
			found := s.image(ctx, registry.Ref{Registry: s.Address, Repository: r.Repository}, r.Digest)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.evidence.Images[r.Key()] = found
			return nil
		})
	}
	_ = g.Wait() // what failed is in the evidence
}

// image reads one manifest and what its config says of itself.
func (s *gatherer) image(ctx context.Context, ref registry.Ref, digest string) verify.Seen[verify.Image] {
	m, err := s.Registry.Manifest(ctx, ref, digest)
	if err != nil {
		g := gap(err)
		if _, found, headErr := s.Registry.Head(ctx, ref, digest); headErr == nil && !found {
			g.Cause = verify.Absent
		}
		return verify.Miss[verify.Image](g)
	}
	c, err := s.Registry.Config(ctx, ref, m)
	if err != nil {
		return verify.Miss[verify.Image](gap(err))
	}
	return verify.See(verify.Image{Config: m.Config.Digest, Identity: c.Labels[builder.IdentityLabel]}).Asked(s.Now())
}

// container is an image that a pod pins, and the one that its node says it runs.
type container struct{ pinned, running verify.Reference }

func (s *gatherer) containers() []container {
	var all []container
	for _, l := range s.evidence.Live.Lists {
		if l.Group != "" || l.Kind != "Pod" {
			continue
		}
		for _, p := range l.Objects.Value {
			for _, c := range append(p.Items("spec", "initContainers"), p.Items("spec", "containers")...) {
				one := container{pinned: verify.ParseReference(c.Text("image"))}
				for _, st := range append(p.Items("status", "initContainerStatuses"), p.Items("status", "containerStatuses")...) {
					if st.Text("name") == c.Text("name") && st.Text("imageID") != "" {
						one.running = verify.ParseReference(st.Text("imageID"))
					}
				}
				all = append(all, one)
			}
		}
	}
	return all
}
