package scratch_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/scratch"
)

func startRegistry(t *testing.T, dir string) *scratch.Registry {
	t.Helper()
	if testing.Short() {
		t.Skip("needs docker-registry")
	}
	r, err := scratch.StartRegistry(t.Context(), dir, scratch.RegistryOptions{})
	if strings.HasPrefix(fail.HintOf(err), "apt-get") && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func status(t *testing.T, method, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestRegistryServesAndEnds(t *testing.T) {
	t.Setenv("REGISTRY_HTTP_ADDR", "192.0.2.1:1") // must not reach it
	dir := t.TempDir()
	for range 2 {
		r := startRegistry(t, dir)
		host, _, err := net.SplitHostPort(r.Addr)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("it listens on %q, which others can reach", r.Addr)
		}
		if got := status(t, http.MethodGet, "http://"+r.Addr+"/v2/"); got != http.StatusOK {
			t.Errorf("/v2/ answers %d", got)
		}
		r.Close()
		r.Close()
		if c, err := net.Dial("tcp", r.Addr); err == nil {
			c.Close()
			t.Error("it still listens after Close")
		}
	}
}

func TestTwoRegistriesAtOnce(t *testing.T) {
	a, b := startRegistry(t, t.TempDir()), startRegistry(t, t.TempDir())
	if a.Addr == b.Addr {
		t.Errorf("both are at %s", a.Addr)
	}
	_, err := scratch.StartRegistry(t.Context(), t.TempDir(), scratch.RegistryOptions{Listen: a.Addr})
	if err == nil || !strings.Contains(err.Error(), "address already in use") || fail.HintOf(err) == "" {
		t.Errorf("a taken address gives %v", err)
	}
}

func TestRegistryThatCannotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs Docker's registry")
	}
	_, err := scratch.StartRegistry(t.Context(), t.TempDir(), scratch.RegistryOptions{Program: "/no/such/docker-registry"})
	if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) != "apt-get install docker-registry" {
		t.Errorf("a missing program gives %v, hint %q", err, fail.HintOf(err))
	}

	_, err = scratch.StartRegistry(t.Context(), t.TempDir(), scratch.RegistryOptions{Program: "false"})
	if err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a program that ends gives %v", err)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = scratch.StartRegistry(t.Context(), filepath.Join(file, "dir"), scratch.RegistryOptions{}); err == nil {
		t.Error("a folder that cannot be made is no error")
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = scratch.StartRegistry(ctx, t.TempDir(), scratch.RegistryOptions{Program: "yes"}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}
