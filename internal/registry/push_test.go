package registry_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

func reader(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// accepts begins an upload at location.
func accepts(location string) step {
	return step{"begin", http.MethodPost, "blobs/uploads/", nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusAccepted)
	}}
}

const session = "/v2/" + repository + "/blobs/uploads/some-session?_state=secret"

func upload(reply http.HandlerFunc) step {
	return step{"upload", http.MethodPut, "blobs/uploads/some-session", nil, reply}
}

func TestPutBlobBeginsAgainAfterTrouble(t *testing.T) {
	created := func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, layer) {
			t.Errorf("got %q, %v", got, err)
		}
		if q := r.URL.Query(); q.Get("digest") != canon.Digest(layer) || q.Get("_state") != "secret" {
			t.Errorf("the upload ends at %s", r.URL)
		}
		w.WriteHeader(http.StatusCreated)
	}
	ref := faulty(t, accepts(session), upload(status(503, "UNAVAILABLE")), accepts(session), upload(created))
	if err := client(t).PutBlob(t.Context(), ref, canon.Digest(layer), int64(len(layer)), reader(layer)); err != nil {
		t.Error(err)
	}
}

func TestPutBlobRefusals(t *testing.T) {
	tests := []struct {
		name, why string
		script    []step
	}{
		{"upload elsewhere", `another host, "192.0.2.1"`, []step{accepts("http://192.0.2.1/x?_state=secret")}},
		{"upload nowhere", "to nowhere", []step{accepts("")}},
		{"no repository", "404", []step{{"begin", http.MethodPost, "blobs/uploads/", nil, status(404, "NAME_UNKNOWN")}}},
		{"digest refused", "DIGEST_INVALID", []step{accepts(session), upload(status(400, "DIGEST_INVALID"))}},
		{"read only", "405 Method Not Allowed", []step{{"begin", http.MethodPost, "blobs/uploads/", nil, status(405, "UNSUPPORTED")}}},
		{"disk full", "500 Internal Server Error (UNKNOWN: said the registry) (tried 3 times)", []step{
			accepts(session), upload(status(500, "UNKNOWN")), accepts(session), upload(status(500, "UNKNOWN")), accepts(session), upload(status(500, "UNKNOWN")),
		}},
		{"session gone", "404 Not Found (BLOB_UPLOAD_UNKNOWN", []step{accepts(session), upload(status(404, "BLOB_UPLOAD_UNKNOWN"))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := client(t).PutBlob(t.Context(), faulty(t, tt.script...), canon.Digest(layer), int64(len(layer)), reader(layer))
			if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
	unread := errors.New("cannot be read")
	ref := faulty(t, accepts(session))
	err := client(t).PutBlob(t.Context(), ref, digest, 1, func() (io.ReadCloser, error) { return nil, unread })
	if !errors.Is(err, unread) {
		t.Errorf("got %v", err)
	}
}

func TestF3_PushesSchema2Only(t *testing.T) {
	ref := registry.Ref{Registry: "127.0.0.1:1", Repository: repository}
	for name, data := range map[string][]byte{
		"OCI manifest":  bytes.Replace(manifest, []byte(registry.Schema2), []byte(registry.OCIManifest), 1),
		"manifest list": []byte(`{"schemaVersion":2,"mediaType":"` + registry.SchemaList + `","manifests":[]}`),
		"not JSON":      []byte("x"),
	} {
		if err := client(t).PutTag(t.Context(), ref, tag, data); fail.RuleOf(err) != "F3" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestF3_RefusesLyingAnswersToPush(t *testing.T) {
	put := func(header ...string) step {
		return step{"put", http.MethodPut, "manifests/" + tag, nil, status(http.StatusCreated, "", header...)}
	}
	for name, script := range map[string][]step{
		"another digest": {put("Docker-Content-Digest", other)},
		"no digest":      {put()},
	} {
		t.Run(name, func(t *testing.T) {
			if err := client(t).PutTag(t.Context(), faulty(t, script...), tag, manifest); fail.RuleOf(err) != "F3" {
				t.Errorf("got %v", err)
			}
		})
	}
	err := client(t).PutTag(t.Context(), faulty(t, step{"put", http.MethodPut, "manifests/" + tag, nil, status(404, "NAME_UNKNOWN")}), tag, manifest)
	if fail.CodeOf(err) != fail.Failed {
		t.Errorf("a missing repository gives %v", err)
	}
}

func TestConfigIsBoundedAndProved(t *testing.T) {
	m, err := registry.ParseManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	blob := func(reply http.HandlerFunc) step {
		return step{"config", http.MethodGet, "blobs/" + m.Config.Digest, nil, reply}
	}
	here := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/v2/"+repository+"/stored/there", http.StatusTemporaryRedirect)
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://storage.example/x?signature=secret", http.StatusTemporaryRedirect)
	}
	stored := step{"stored", http.MethodGet, "stored/there", nil, ok("application/octet-stream", config)}

	cfg, err := client(t).Config(t.Context(), faulty(t, blob(here), stored), m)
	if err != nil || cfg.Labels["a"] != "b" {
		t.Errorf("got %+v, %v", cfg, err)
	}

	tests := []struct {
		name, why string
		code      fail.Code
		script    []step
	}{
		{"hashes to something else", "hashes to", fail.Refused, []step{blob(ok("", []byte(`{}`)))}},
		{"longer than announced", "does not end within", fail.Failed, []step{blob(ok("", append(config, ' ')))}},
		{"not there", "but not its config", fail.Failed, []step{blob(status(404, "BLOB_UNKNOWN"))}},
		{"elsewhere", `another host, "storage.example"`, fail.Failed, []step{blob(away)}},
		{"in circles", "where an answer is due", fail.Failed, []step{blob(here), {"2", http.MethodGet, "stored/there", nil, here}, {"3", http.MethodGet, "stored/there", nil, here}, {"4", http.MethodGet, "stored/there", nil, here}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := client(t).Config(t.Context(), faulty(t, tt.script...), m)
			if fail.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
}
