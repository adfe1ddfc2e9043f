package registry

import (
	"context"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Proof is a digest that rule F3 admits to a catalog.
type Proof struct {
	Digest    string
	MediaType string // Schema2
	Size      int64  // of the manifest
}

// Prove shows that the builder's digest want is what the tag means, in four ways
// that must agree: want itself, a HEAD of the tag that accepts schema2 alone, the
// hash of the body that is behind want, and a HEAD by want. At the end the tag is
// asked once more, accepting every type: a registry that gave the child of a
// manifest list is found out, and so is a tag that moved meanwhile.
func (c *Client) Prove(ctx context.Context, ref Ref, tag, want string) (Proof, error) {
	where := ref.where(tag)
	first, found, err := c.head(ctx, ref, tag, []string{Schema2})
	if err != nil {
		return Proof{}, err
	}
	if found {
		err = onlySchema2(where, first.MediaType, first.Digest)
	} else {
		err = c.absent(ctx, ref, tag)
	}
	if err != nil {
		return Proof{}, err
	}
	if first.Digest != want {
		return Proof{}, c.differs(ctx, ref, tag, first, want)
	}
	proof, err := c.ProveDigest(ctx, ref, want)
	if err != nil {
		return Proof{}, err
	}
	last, found, err := c.Head(ctx, ref, tag)
	switch {
	case err != nil:
		return Proof{}, err
	case !found:
		return Proof{}, fail.Refuse("F3", where, nameHint, "the tag went away between two questions")
	case last.MediaType != Schema2:
		return Proof{}, onlySchema2(where, last.MediaType, last.Digest)
	case last.Digest != want:
		return Proof{}, fail.Refuse("F3", where, "find out who else writes this tag: one lane's publish is enough",
			"the tag moved from %s to %s between two questions", want, last.Digest)
	}
	return proof, nil
}

// ProveDigest shows that want is a schema2 manifest that the registry answers by
// its digest, to GET and HEAD alike.
func (c *Client) ProveDigest(ctx context.Context, ref Ref, want string) (Proof, error) {
	m, err := c.Manifest(ctx, ref, want)
	if err != nil {
		return Proof{}, err
	}
	found, err := c.answersDigest(ctx, ref, want)
	if err != nil {
		return Proof{}, err
	}
	if !found {
		return Proof{}, notByDigest(ref.where(want), "to a HEAD")
	}
	return Proof{Digest: want, MediaType: Schema2, Size: int64(len(m.Bytes))}, nil
}

// answersDigest is a HEAD by digest. Either nothing is there, or that and no
// other manifest.
func (c *Client) answersDigest(ctx context.Context, ref Ref, digest string) (found bool, err error) {
	where := ref.where(digest)
	d, found, err := c.head(ctx, ref, digest, []string{Schema2})
	if err != nil || !found {
		return false, err
	}
	if err := onlySchema2(where, d.MediaType, d.Digest); err != nil {
		return false, err
	}
	if d.Digest != digest {
		return false, lying(where, d.Digest)
	}
	return true, nil
}

// absent says why a tag that should be there is answered with 404: registries
// that hold an OCI manifest deny it to who asks for schema2.
func (c *Client) absent(ctx context.Context, ref Ref, tag string) error {
	where := ref.where(tag)
	d, found, err := c.Head(ctx, ref, tag)
	if err != nil {
		return err
	}
	if found && d.MediaType != Schema2 {
		return onlySchema2(where, d.MediaType, d.Digest)
	}
	return fail.Refuse("F3", where, "publish the image again", "the registry does not know this tag")
}

// differs says why a tag means another digest than want.
func (c *Client) differs(ctx context.Context, ref Ref, tag string, got Descriptor, want string) error {
	where := ref.where(tag)
	if d, found, err := c.Head(ctx, ref, tag); err == nil && found && d.MediaType != Schema2 {
		return onlySchema2(where, d.MediaType, d.Digest)
	}
	return fail.Refuse("F3", where, "find out who else pushed this tag; an image is published once for a commit",
		"the tag is %s, not the built %s", got.Digest, want)
}

var typeNames = map[string]string{
	"application/vnd.docker.distribution.manifest.v1+json":      "a schema1 compatibility manifest",
	"application/vnd.docker.distribution.manifest.v1+prettyjws": "a schema1 compatibility manifest",
	SchemaList:  "a manifest list",
	OCIIndex:    "an OCI index",
	OCIManifest: "an OCI manifest",
}

// onlySchema2 refuses every other type by its name.
func onlySchema2(where, mediaType, digest string) error {
	if mediaType == Schema2 {
		return nil
	}
	name, known := typeNames[mediaType]
	if !known {
		name = "something"
	}
	return fail.Refuse("F3", where, "only schema2 manifests of one platform are released: see how this was pushed, and the registry's version",
		"the registry answers with %s (%q, %s)", name, clean(mediaType), clean(digest))
}

func contentDigest(where string, a *answer) (string, error) {
	values := a.header.Values("Docker-Content-Digest")
	const hint = "see what listens at this address: a Docker registry names the digest of every manifest"
	switch {
	case len(values) == 0 || values[0] == "":
		return "", fail.Refuse("F3", where, hint, "the registry answers without a Docker-Content-Digest")
	case len(values) > 1:
		return "", fail.Refuse("F3", where, hint, "the registry answers with %d values of Docker-Content-Digest", len(values))
	case !canon.IsDigest(values[0]):
		return "", fail.Refuse("F3", where, hint, "the registry answers with %q as its Docker-Content-Digest", clean(values[0]))
	}
	return values[0], nil
}

func lying(where, said string) error {
	return fail.Refuse("F3", where, "see what listens at this address", "the registry's Docker-Content-Digest says %s, which is not what it was asked for", said)
}

func notByDigest(where, asked string) error {
	return fail.Refuse("F3", where, "publish the image again: a digest that is not answered cannot be deployed",
		"the registry answers 404 %s by this digest", asked)
}
