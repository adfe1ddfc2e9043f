package manager_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

// A manager that goes ends its streams cleanly and at once: none holds it up.
func TestShutdownEndsStreams(t *testing.T) {
	p := startPostgres(t)
	m := start(t, func(c *manager.Config) { c.DatabaseURL = p.DSN })
	if status, _, body := get(t, m.url+"/readyz"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	s, closeStore, err := manager.OpenStore(t.Context(), p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore()
	if err := s.EnsureProject(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	_, token, err := s.CreateToken(t.Context(), store.Token{Name: "test", Project: "shop", Scopes: []string{store.ReadRuns, store.WriteRuns}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, accept, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, m.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	made := ask("POST", "/v1/runs", "", `{"prompt":"x"}`)
	made.Body.Close()
	if made.StatusCode != http.StatusCreated {
		t.Fatalf("submitting: %d", made.StatusCode)
	}
	stream := ask("GET", made.Header.Get("Location")+"/events", "text/event-stream", "")
	defer stream.Body.Close()
	in := bufio.NewReader(stream.Body)
	for line := ""; line != "id: 1\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	m.stop()
	rest, err := io.ReadAll(in)
	if err != nil || strings.Contains(string(rest), "event: end") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	if err := <-m.end; err != nil {
		t.Error(err)
	}
}

// What is newer than this manager's schema is no reason not to be ready; a database
// that nobody may change is.
func TestReadyNeedsTheSchema(t *testing.T) {
	p := startPostgres(t)
	readOnly := p.DSN + "&default_transaction_read_only=on"
	m := start(t, func(c *manager.Config) { c.DatabaseURL, c.ReadyTimeout = readOnly, 200*time.Millisecond })
	status, body := 0, ""
	for range 3000 { // until its first connection is there, which is longer than one question waits
		if status, _, body = get(t, m.url+"/readyz"); strings.Contains(body, `"schema"`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"schema"`) {
		t.Errorf("%d %s", status, body)
	}
	_, closeStore, err := manager.OpenStore(t.Context(), p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	closeStore()
	if status, _, body := get(t, m.url+"/v1/runs"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"unavailable"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _, body := get(t, m.url+"/metrics"); status != http.StatusOK || !strings.Contains(body, "agentrun_postgres_connections ") {
		t.Errorf("%d %s", status, body)
	}
}
