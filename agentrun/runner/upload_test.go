package runner

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

type way func(*http.Request) (*http.Response, error)

func (w way) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

// An artifact that takes all the time that the manager gives it arrives at once, and is
// not sent again.
func TestASlowUploadArrives(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token), 0o600))
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		up := &upstream{url: "http://manager", tokenFile: file, pause: time.Second, http: &http.Client{Transport: way(func(r *http.Request) (*http.Response, error) {
			if sent++; sent > 1 {
				t.Errorf("it is sent %d times", sent)
				return &http.Response{StatusCode: http.StatusUnprocessableEntity, Body: io.NopCloser(strings.NewReader(`{"code":"x"}`)), Request: r}, nil
			}
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(run.ArtifactTime + 20*time.Second): // and the store takes its own
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
			}
		})}}
		if err := up.artifact(t.Context(), "diff.patch", "text/plain", []byte("x")); err != nil {
			t.Error(err)
		}
	})
}
