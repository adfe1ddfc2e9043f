// Package registry is the only place that talks to an image registry. It proves
// digests (rule F3), reads manifests and configs, lists, pushes, and deletes by digest.
//
// What a registry says is not believed: every digest is a hash that this package
// has made itself of the bytes it was sent, every answer is bounded in size and
// time, and an answer that is not exactly the expected one is an error that names
// it. An answer that would put a wrong digest into a catalog (a schema1
// compatibility manifest, a manifest list, an OCI index or manifest, a missing or
// lying Docker-Content-Digest, other bytes, a tag that moves) is a refusal by
// rule F3. Trouble on the way (no connection, 401, 429, 5xx, an answer that
// breaks off) is a failure, after a bounded number of tries.
//
// Plain HTTP is spoken with loopback addresses and with registries that are
// declared insecure, HTTPS with all others. No proxy is used, no redirect is
// followed to another host, no credential is sent or printed, and nothing is
// ever deleted or overwritten unasked.
package registry

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// The media types of manifests.
const (
	Schema2     = "application/vnd.docker.distribution.manifest.v2+json"
	SchemaList  = "application/vnd.docker.distribution.manifest.list.v2+json"
	OCIManifest = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex    = "application/vnd.oci.image.index.v1+json"
)

// Limits of what is read into memory.
const (
	MaxManifest = 4 << 20
	MaxConfig   = 4 << 20
	maxError    = 64 << 10
)

// Parallel is how many questions go to a registry at once.
const Parallel = 16

// Client asks registries. It is made by New and may be used by many goroutines
// at once.
type Client struct {
	HTTP     *http.Client
	Insecure bool          // plain HTTP for every registry, not only for loopback addresses
	Timeout  time.Duration // for one question; a transfer gets a second more for each MiB
	Tries    int           // how often a question is asked before its trouble is reported

	// Pause waits between two tries. It returns early, with the context's
	// cause, when ctx ends.
	Pause func(ctx context.Context, d time.Duration) error
}

// New makes a client with connections of its own.
func New(insecure bool) *Client {
	return &Client{
		HTTP: &http.Client{
			Transport: &http.Transport{
				Proxy:                  nil,
				DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    5 * time.Second,
				MaxIdleConnsPerHost:    Parallel,
				IdleConnTimeout:        30 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
				DisableCompression:     true, // a digest is of the bytes as they are stored
				ForceAttemptHTTP2:      true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Insecure: insecure,
		Timeout:  30 * time.Second,
		Tries:    5,
		Pause: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(d):
				return nil
			}
		},
	}
}

// Close drops the idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }
