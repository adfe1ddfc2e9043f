package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// large keeps a file of a run that no connection can hold, and gives the run's pod.
func (r *replica) large() (id, pod string, content []byte) {
	r.t.Helper()
	id, pod = r.running()
	content = bytes.Repeat([]byte("0123456789abcde\n"), run.MaxArtifactBytes/16)
	want[run.Artifact](r.t, r.do("PUT", "/runner/v1/artifacts/large", pod, content), 200)
	return id, pod, content
}

// download begins with the large file of a run.
func (r *replica) download(id string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.url+"/v1/runs/"+id+"/artifacts/large", http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.user)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.ContentLength != run.MaxArtifactBytes {
		r.t.Fatalf("status %d, %d bytes", resp.StatusCode, resp.ContentLength)
	}
	return resp
}

// Who has not read to the end yet holds up no other reader and no runner.
func TestSlowDownloadsHoldUpNobody(t *testing.T) {
	r := start(t)
	id, pod, content := r.large()
	for range 4 {
		r.download(id) // and reads nothing
	}
	want[run.Artifact](t, r.do("PUT", "/runner/v1/artifacts/more", pod, content), 200)
	if all, err := io.ReadAll(r.download(id).Body); err != nil || !bytes.Equal(all, content) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

// A file that goes while it is being read is an error to its reader, not a short file.
func TestADownloadOfAFileThatGoes(t *testing.T) {
	r := start(t)
	id, _, content := r.large()
	resp := r.download(id)
	if _, err := r.store.Pool.Exec(t.Context(), "delete from artifacts"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(all) == 0 || len(all) >= len(content) || !bytes.HasPrefix(content, all) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	refused(t, r.do("GET", "/v1/runs/"+id+"/artifacts/large", r.user, nil), 404, "not_found")
}
