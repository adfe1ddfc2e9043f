package registry

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Descriptor is what a registry says of a manifest. Nothing in it is proved.
type Descriptor struct {
	Digest    string
	MediaType string
	Size      int64 // -1 when not said
}

// Manifest is a schema2 manifest whose bytes hash to its digest.
type Manifest struct {
	Digest string
	Bytes  []byte
	Config Blob
	Layers []Blob
}

// Blob is what a manifest says of a config or layer.
type Blob struct {
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Digest    string `json:"digest"`
}

// Config is what the lane reads of an image's config.
type Config struct {
	Architecture string
	OS           string
	Labels       map[string]string
}

const nameHint = "see what was pushed to this registry by this name"

// anything is every type that a manifest can have but schema1: registries
// answer that one only with digests that they do not answer to later.
var anything = []string{Schema2, SchemaList, OCIManifest, OCIIndex}

// Head asks what is behind reference, a tag or a digest, of whatever type. found
// is false when nothing is.
func (c *Client) Head(ctx context.Context, ref Ref, reference string) (d Descriptor, found bool, err error) {
	return c.head(ctx, ref, reference, anything)
}

func (c *Client) head(ctx context.Context, ref Ref, reference string, accept []string) (Descriptor, bool, error) {
	q, err := c.manifestQuestion(http.MethodHead, ref, reference, accept)
	if err != nil {
		return Descriptor{}, false, err
	}
	a, err := c.ask(ctx, q)
	if err != nil || a.status == http.StatusNotFound {
		return Descriptor{}, false, err
	}
	digest, err := contentDigest(q.where, a)
	if err != nil {
		return Descriptor{}, false, err
	}
	return Descriptor{Digest: digest, MediaType: mediaType(a), Size: a.length}, true, nil
}

func (c *Client) manifestQuestion(method string, ref Ref, reference string, accept []string) (question, error) {
	if err := ref.check(); err != nil {
		return question{}, err
	}
	if !canon.IsDigest(reference) && !tagPattern.MatchString(reference) {
		return question{}, fail.Refuse("F1", ref.String(), "name a tag or a sha256 digest", "%q is neither a tag nor a digest", clean(reference))
	}
	return question{
		method: method,
		url:    c.scheme(ref) + "://" + ref.Registry + "/v2/" + ref.Repository + "/manifests/" + reference,
		where:  ref.where(reference), accept: accept, limit: MaxManifest,
	}, nil
}

// Manifest reads the manifest with this digest and proves that it is the one.
func (c *Client) Manifest(ctx context.Context, ref Ref, digest string) (*Manifest, error) {
	q, err := c.manifestQuestion(http.MethodGet, ref, digest, []string{Schema2})
	if err != nil {
		return nil, err
	}
	a, err := c.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		if code, _ := firstError(a.body); code == "NAME_UNKNOWN" {
			return nil, fail.Fail(ref.String(), "mend registry.address, or publish the image again", "the registry answers %s", statusText(a))
		}
		return nil, notByDigest(q.where, "to a GET")
	}
	got := canon.Digest(a.body)
	if err := onlySchema2(q.where, mediaType(a), got); err != nil {
		return nil, err
	}
	if got != digest {
		return nil, fail.Refuse("F3", q.where, nameHint, "the registry answers a body that hashes to %s", got)
	}
	if said, err := contentDigest(q.where, a); err != nil {
		return nil, err
	} else if said != digest {
		return nil, lying(q.where, said)
	}
	m, err := ParseManifest(a.body)
	if err != nil {
		return nil, fail.Refuse("F3", q.where, nameHint, "%w", err)
	}
	return m, nil
}

// ParseManifest reads a schema2 manifest strictly enough that no other reader
// can take the same bytes for a manifest of another type.
func ParseManifest(data []byte) (*Manifest, error) {
	var raw struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
		Config        *Blob  `json:"config"`
		Layers        []Blob `json:"layers"`
		Manifests     any    `json:"manifests"`
		FSLayers      any    `json:"fsLayers"`
	}
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("a manifest of %d bytes, the limit is %d", len(data), MaxManifest)
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("the manifest is not valid JSON: %s", clean(err.Error()))
	}
	switch {
	case raw.SchemaVersion != 2 || raw.MediaType != Schema2:
		return nil, fmt.Errorf("the manifest calls itself schema %d of type %q", raw.SchemaVersion, clean(raw.MediaType))
	case raw.Manifests != nil || raw.FSLayers != nil:
		return nil, fmt.Errorf("the manifest can be read as one of another type")
	case raw.Config == nil:
		return nil, fmt.Errorf("the manifest has no config")
	}
	for _, b := range append([]Blob{*raw.Config}, raw.Layers...) {
		if !canon.IsDigest(b.Digest) || b.Size < 0 {
			return nil, fmt.Errorf("the manifest names a blob %q of %d bytes", clean(b.Digest), b.Size)
		}
	}
	return &Manifest{Digest: canon.Digest(data), Bytes: data, Config: *raw.Config, Layers: raw.Layers}, nil
}

// Config reads the image config that m names.
func (c *Client) Config(ctx context.Context, ref Ref, m *Manifest) (*Config, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	where := ref.At(m.Config.Digest)
	if m.Config.Size > MaxConfig {
		return nil, fail.Fail(where, nameHint, "an image config of %d bytes, the limit is %d", m.Config.Size, MaxConfig)
	}
	a, err := c.ask(ctx, question{
		method: http.MethodGet, url: c.blobURL(ref, m.Config.Digest), where: where,
		limit: m.Config.Size, redirects: 3,
	})
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, fail.Fail(where, "publish the image again", "the registry has the manifest but not its config: %s", statusText(a))
	}
	if got := canon.Digest(a.body); got != m.Config.Digest {
		return nil, fail.Refuse("F3", where, nameHint, "the registry answers a config that hashes to %s", got)
	}
	cfg, err := ParseConfig(a.body)
	if err != nil {
		return nil, fail.Fail(where, nameHint, "%w", err)
	}
	return cfg, nil
}

// ParseConfig reads an image config.
func ParseConfig(data []byte) (*Config, error) {
	var raw struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		Config       struct {
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
	}
	if len(data) > MaxConfig {
		return nil, fmt.Errorf("an image config of %d bytes, the limit is %d", len(data), MaxConfig)
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("the image config is not valid JSON: %s", clean(err.Error()))
	}
	return &Config{Architecture: raw.Architecture, OS: raw.OS, Labels: raw.Config.Labels}, nil
}

func (c *Client) blobURL(ref Ref, digest string) string {
	return c.scheme(ref) + "://" + ref.Registry + "/v2/" + ref.Repository + "/blobs/" + digest
}

func mediaType(a *answer) string {
	header := strings.Join(a.header.Values("Content-Type"), ", ")
	if t, _, err := mime.ParseMediaType(header); err == nil {
		return t
	}
	return clean(header)
}
