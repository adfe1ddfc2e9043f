package registry_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

func FuzzParseManifest(f *testing.F) {
	f.Add(manifest)
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"` + registry.SchemaList + `","manifests":[{}]}`))
	f.Add([]byte(`{"schemaVersion":1,"fsLayers":[],"history":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := registry.ParseManifest(data)
		if err != nil {
			return
		}
		if m.Digest != canon.Digest(data) || !canon.IsDigest(m.Config.Digest) {
			t.Errorf("accepted as %+v", m)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add(config)
	f.Add([]byte(`{"config":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := registry.ParseConfig(data); (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}

// replay answers every request with the same bytes.
type replay []byte

func (r replay) RoundTrip(req *http.Request) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReader(bytes.NewReader(r)), req)
}

// Whatever a registry answers, nothing is proved but the manifest whose bytes
// hash to the digest, and every error is one of the contract's.
func FuzzAnswer(f *testing.F) {
	good := "HTTP/1.1 200 OK\r\nContent-Type: " + registry.Schema2 + "\r\nDocker-Content-Digest: " + digest + "\r\nContent-Length: "
	f.Add([]byte(good + strconv.Itoa(len(manifest)) + "\r\n\r\n" + string(manifest)))
	f.Add([]byte("HTTP/1.1 429 Too Many Requests\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 307 Temporary Redirect\r\nLocation: //else.where/%zz\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 500 x\r\n\r\n{\"errors\":[{\"code\":\"\\u001b[2J\"}]}"))
	ref := registry.Ref{Registry: "127.0.0.1:1", Repository: repository}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := registry.New(false)
		c.HTTP.Transport = replay(raw)
		c.Pause = func(context.Context, time.Duration) error { return nil }
		check := func(what string, err error) {
			if err == nil {
				return
			}
			if fail.HintOf(err) == "" {
				t.Errorf("%s: no hint: %v", what, err)
			}
			for _, r := range err.Error() {
				if r < ' ' {
					t.Errorf("%s: control character in %q", what, err)
				}
			}
		}
		p, err := c.Prove(t.Context(), ref, tag, digest)
		check("prove", err)
		if err == nil && (p.Digest != digest || !bytes.Contains(raw, manifest)) {
			t.Errorf("proved %+v by %q", p, raw)
		}
		_, _, err = c.Head(t.Context(), ref, tag)
		check("head", err)
		check("put", c.PutTag(t.Context(), ref, tag, manifest))
		check("blob", c.PutBlob(t.Context(), ref, canon.Digest(layer), int64(len(layer)), reader(layer)))
	})
}
