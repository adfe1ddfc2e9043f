package publish

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// Confirm asks the registry whether it is as p says, for whoever is about to act
// on a document that passed through other hands: each tag means its digest (rule
// F3), and each image says of itself that it was built from its identity (rule
// F4). The error names the first service, in p's order, of which that is not so.
func (p *Published) Confirm(ctx context.Context, client *registry.Client, address string) error {
	errs := make([]error, len(p.Services))
	var g errgroup.Group
	g.SetLimit(registry.Parallel)
	for i, s := range p.Services {
		g.Go(func() error {
			ref := registry.Ref{Registry: address, Repository: s.Image.Repository}
			if _, errs[i] = client.Prove(ctx, ref, s.Image.Tag, s.Image.Digest); errs[i] == nil {
				errs[i] = WasBuiltFrom(ctx, client, ref, s.Image.Digest, s.ComponentIdentity)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// WasBuiltFrom refuses, by rule F4, an image that does not say of itself that it
// was built from identity.
func WasBuiltFrom(ctx context.Context, client *registry.Client, ref registry.Ref, digest, identity string) error {
	said, err := identityOf(ctx, client, ref, digest)
	if err != nil {
		return err
	}
	if said != identity {
		return fail.Refuse("F4", ref.At(digest), "plan and publish the commit again; find out who wrote another digest down",
			"the image was built from %q, not from %s", fail.Clean(said, 80), identity)
	}
	return nil
}

// identityOf is what the image with this digest says it was built from, or "".
func identityOf(ctx context.Context, client *registry.Client, ref registry.Ref, digest string) (string, error) {
	m, err := client.Manifest(ctx, ref, digest)
	if err != nil {
		return "", err
	}
	config, err := client.Config(ctx, ref, m)
	if err != nil {
		return "", err
	}
	return config.Labels[builder.IdentityLabel], nil
}
