package manager_test

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// The manager starts before Postgres, follows it, and stays alive all the while.
func TestReadyFollowsPostgres(t *testing.T) {
	p := startPostgres(t)
	stop(t, p)
	m := start(t, func(c *manager.Config) { c.DatabaseURL = p.DSN })

	notReady := func(why string) {
		t.Helper()
		status, mediaType, body := get(t, m.url+"/readyz")
		if status != http.StatusServiceUnavailable || mediaType != "application/problem+json" || !strings.Contains(body, why) {
			t.Errorf("got %d %s %s, want 503 with %q", status, mediaType, body, why)
		}
		if status, _, _ := get(t, m.url+"/healthz"); status != http.StatusOK {
			t.Errorf("/healthz answers %d while Postgres is away", status)
		}
	}
	// A connection that broke while nobody looked may cost one answer.
	ready := func() {
		t.Helper()
		status, mediaType, body := get(t, m.url+"/readyz")
		for range 5 {
			if status == http.StatusOK {
				break
			}
			status, mediaType, body = get(t, m.url+"/readyz")
		}
		if status != http.StatusOK || mediaType != "application/json" || body != "{\n  \"ready\": true\n}\n" {
			t.Errorf("got %d %s %s", status, mediaType, body)
		}
	}
	notReady("Postgres cannot be reached")
	bring(t, p)
	ready()
	stop(t, p)
	notReady("Postgres")
	notReady("Postgres cannot be reached")
	bring(t, p)
	ready()

	log := m.log.String()
	if got := strings.Count(log, `"msg":"ready"`); got != 2 {
		t.Errorf("being ready was logged %d times, want once each time:\n%s", got, log)
	}
}

func TestC4_ReadySaysWhyPostgresRefusesAndNoMore(t *testing.T) {
	p := startPostgres(t)
	tests := []struct {
		name, why string
		change    func(*url.URL)
	}{
		{"wrong password", "does not accept the user or the password", func(u *url.URL) { u.User = url.UserPassword("scratch", "wrong/@:%password") }},
		{"wrong user", "does not accept the user or the password", func(u *url.URL) { u.User = url.UserPassword("somebody-else", "wrong/@:%password") }},
		{"no such database", "no database of that name", func(u *url.URL) { u.Path = "/missing-database" }},
		{"no such parameter", "SQLSTATE 42704", func(u *url.URL) { u.RawQuery += "&no_such_parameter=1" }},
		{"no such host", "cannot be reached", func(u *url.URL) { u.RawQuery = "host=/nonexistent/socket-folder" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dsn, err := url.Parse(p.DSN)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(dsn)
			m := start(t, func(c *manager.Config) { c.DatabaseURL = dsn.String() })
			status, _, body := get(t, m.url+"/readyz")
			if status != http.StatusServiceUnavailable || !strings.Contains(body, tt.why) {
				t.Errorf("got %d %s, want 503 with %q", status, body, tt.why)
			}
			m.stop()
			if err := <-m.end; err != nil {
				t.Error(err)
			}
			password, _ := dsn.User.Password()
			for _, secret := range []string{password, url.QueryEscape(password), dsn.User.String(), dsn.User.Username(), "missing-database", dsn.Query().Get("host")} {
				if strings.Contains(body, secret) || strings.Contains(m.log.String(), secret) {
					t.Errorf("%q is in the answer or the log:\n%s\n%s", secret, body, m.log)
				}
			}
		})
	}
}

func TestReadyDoesNotWaitForASilentPostgres(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // connects, and that is all
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	m := start(t, func(c *manager.Config) {
		c.DatabaseURL = "postgres://user@" + ln.Addr().String() + "/name?sslmode=disable"
		c.ReadyTimeout = 50 * time.Millisecond
	})
	status, _, body := get(t, m.url+"/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "Postgres did not answer within 50ms") {
		t.Errorf("got %d %s", status, body)
	}
	m.stop()
	if err := <-m.end; err != nil {
		t.Error(err)
	}
}

func TestF2_ReadyNeedsAPinnedJobTemplate(t *testing.T) {
	p := startPostgres(t)
	path := filepath.Join(t.TempDir(), "job.yaml")
	m := start(t, func(c *manager.Config) { c.DatabaseURL, c.JobTemplate = p.DSN, path })

	const manifest = "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: worker, image: IMAGE}]}}}\n"
	digest := "@sha256:" + strings.Repeat("a1", 32)
	steps := []struct {
		image  string
		status int
		why    string
	}{
		{"", http.StatusServiceUnavailable, "no such file"},
		{"example/worker:v1", http.StatusServiceUnavailable, "is not pinned by its digest (rule F2)"},
		{"example/worker" + digest, http.StatusOK, ""},
	}
	for _, step := range steps {
		if step.image != "" {
			if err := os.WriteFile(path, []byte(strings.Replace(manifest, "IMAGE", step.image, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		status, _, body := get(t, m.url+"/readyz")
		if status != step.status || !strings.Contains(body, step.why) {
			t.Errorf("image %q: got %d %s, want %d with %q", step.image, status, body, step.status, step.why)
		}
	}

	stop(t, p)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, body := get(t, m.url+"/readyz"); !strings.Contains(body, `"postgres"`) || !strings.Contains(body, `"jobTemplate"`) {
		t.Errorf("not every part is named: %s", body)
	}
}

func stop(t *testing.T, p *scratch.Postgres) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
}

func bring(t *testing.T, p *scratch.Postgres) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
