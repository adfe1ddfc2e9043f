package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pikasTech/agentrun/lab/cluster"
)

const schema2 = "application/vnd.docker.distribution.manifest.v2+json"

// registry asks the lab's registry, and expects an answer of the 200s.
func (s *stage) registry(method, path string) (body string, digest string, err error) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, "http://"+cluster.Registry+path, http.NoBody)
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Accept", schema2)
	transport := s.Lab.Transport()
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return string(text), answer.Header.Get("Docker-Content-Digest"), err
}

// put writes a manifest into the lab's registry.
func (s *stage) put(path, manifest string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.lasting(), http.MethodPut, "http://"+cluster.Registry+path, strings.NewReader(manifest))
	s.ok(err)
	req.Header.Set("Content-Type", schema2)
	transport := s.Lab.Transport()
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(req)
	s.ok(err)
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		s.Errorf("putting %s: %s %s", path, answer.Status, text)
	}
}
