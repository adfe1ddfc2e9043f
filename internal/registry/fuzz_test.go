package registry_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

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
		_, err = c.DeleteManifest(t.Context(), ref, digest)
		check("delete", err)
		tags, err := c.Tags(t.Context(), ref)
		check("tags", err)
		for _, name := range tags {
			if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
				t.Errorf("the tag %q", name)
			}
		}
	})
}

// pages answers a list whose every page names the same next one, and keeps what was
// asked for.
type pages struct {
	link  string
	asked []*url.URL
}

func (p *pages) RoundTrip(req *http.Request) (*http.Response, error) {
	p.asked = append(p.asked, req.URL)
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: -1,
		Header: http.Header{"Link": {p.link}, "Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(`{"name":"` + repository + `","tags":["one"]}`)),
	}, nil
}

// FuzzLink: wherever a registry says that its list goes on, no other list and no other
// registry is asked, and the list ends.
func FuzzLink(f *testing.F) {
	for _, link := range []string{
		`</v2/` + repository + `/tags/list?n=1&last=one>; rel="next"`,
		`<?last=one>; rel="next"`, `<http://else.where/v2/x/tags/list>; rel="next"`, `<//else.where/>; rel="next"`,
		`</v2/other/tags/list>; rel="next"`, `<%zz>; rel="next"`, `<>; rel="next"`, `</a>; rel="prev", </b>; rel="next"`, `no link`,
		`<file:///etc/passwd>; rel="next"`, `<` + "\x1b[2J" + `>; rel="next"`, `<http://user:pass@127.0.0.1:1/v2/` + repository + `/tags/list>; rel="next"`,
	} {
		f.Add(link)
	}
	ref := registry.Ref{Registry: "127.0.0.1:1", Repository: repository}
	f.Fuzz(func(t *testing.T, link string) {
		p := &pages{link: link}
		c := registry.New(true)
		c.HTTP.Transport = p
		c.Pause = func(context.Context, time.Duration) error { return nil }
		tags, err := c.Tags(t.Context(), ref)
		if err == nil && !slices.Equal(tags, []string{"one"}) {
			t.Errorf("tags %q", tags)
		}
		if err != nil && (fail.HintOf(err) == "" || strings.ContainsFunc(err.Error(), unicode.IsControl)) {
			t.Errorf("%q", err)
		}
		for _, u := range p.asked {
			if u.Host != ref.Registry || u.Path != "/v2/"+repository+"/tags/list" || u.User != nil {
				t.Errorf("asks for %s", u)
			}
		}
		if len(p.asked) > 3 {
			t.Errorf("asks %d times", len(p.asked))
		}
	})
}
