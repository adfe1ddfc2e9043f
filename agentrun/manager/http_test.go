package manager_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/agentrun/manager"
)

func TestVersionIsWhatTheManifestSaid(t *testing.T) {
	v := manager.Version{Lane: "v0.1", Commit: strings.Repeat("a1", 20), Digest: "sha256:" + strings.Repeat("b2", 32)}
	m := start(t, func(c *manager.Config) { c.Version = v })
	status, mediaType, body := get(t, m.url+"/version")
	want := "{\n  \"commit\": \"" + v.Commit + "\",\n  \"digest\": \"" + v.Digest + "\",\n  \"lane\": \"v0.1\"\n}\n"
	if status != http.StatusOK || mediaType != "application/json" || body != want {
		t.Errorf("got %d %s %s", status, mediaType, body)
	}

	m = start(t, func(*manager.Config) {})
	if _, _, body := get(t, m.url+"/version"); body != "{\n  \"commit\": \"\",\n  \"digest\": \"\",\n  \"lane\": \"\"\n}\n" {
		t.Errorf("without a manifest: %s", body)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	m := start(t, func(*manager.Config) {})
	tests := []struct {
		name, method, path string
		header             int // bytes
		status             int
	}{
		{"no such path", http.MethodGet, "/healthz/deep", 0, http.StatusNotFound},
		{"root", http.MethodGet, "/", 0, http.StatusNotFound},
		{"another method", http.MethodPost, "/version", 0, http.StatusMethodNotAllowed},
		{"headers without end", http.MethodGet, "/healthz", 64 << 10, http.StatusRequestHeaderFieldsTooLarge},
		{"as it should be", http.MethodHead, "/healthz", 1 << 10, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, m.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Filler", strings.Repeat("x", tt.header))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("got %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}
