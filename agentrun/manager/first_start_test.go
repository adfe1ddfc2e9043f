package manager_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// A manager that comes to an empty database asks for no table before it has made it,
// however long that takes and whoever wants something meanwhile.
func TestTheLogOfAFirstStart(t *testing.T) {
	p := startPostgres(t)
	other, err := pgx.Connect(t.Context(), p.DSN) // migrates, it says
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	if _, err := other.Exec(t.Context(), "select pg_advisory_lock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	cluster := kubetest.StartObjects("runs", nil, func(r string) { t.Errorf("unexpected request %s", r) })
	defer cluster.Close()
	defer cluster.CloseClientConnections()
	dir := t.TempDir()
	job := "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {containers: [{name: worker, image: example/worker@sha256:" + strings.Repeat("a1", 32) + "}]}}}\n"
	for name, data := range map[string]string{"kubeconfig": string(cluster.Within("runs")), "job.yaml": job} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: filepath.Join(dir, "kubeconfig"), Manager: "agentrun-mgr", Later: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m := start(t, func(c *manager.Config) {
		c.DatabaseURL, c.ReadyTimeout, c.JobTemplate = p.DSN, 2*time.Second, filepath.Join(dir, "job.yaml")
		c.Cluster = &manager.Cluster{Kube: client, RunnerURL: "http://manager:8080", MaxRunning: 1}
	})
	req, err := http.NewRequestWithContext(t.Context(), "GET", m.url+"/v1/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer art_"+strings.Repeat("x", 43))
	ask := func() (int, string) {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if status, body := ask(); status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("before there are tables it answers %d %s", status, body)
	}
	if _, err := other.Exec(t.Context(), "select pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	status := 0
	for range 50 {
		if status, _ = ask(); status == http.StatusUnauthorized {
			break
		}
	}
	if ready, _, body := get(t, m.url+"/readyz"); ready != http.StatusOK || status != http.StatusUnauthorized {
		t.Errorf("it is not ready: %d, %d %s", status, ready, body)
	}
	if log := m.log.String(); strings.Contains(log, "does not exist") || strings.Contains(log, `"level":"WARN"`) || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("a first start complains:\n%s", log)
	}
}
