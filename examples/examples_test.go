package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
)

// TestShopIsALane: the intent is valid, what it builds is there, and it renders
// without a remark.
func TestShopIsALane(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("shop", intent.Path))
	if err != nil {
		t.Fatal(err)
	}
	in, err := intent.Parse(intent.Path, data)
	if err != nil {
		t.Fatal(err)
	}
	n, err := in.Names()
	if err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	c := catalog.Empty(n, commit, canon.Digest(data))
	var ids []string
	for _, s := range in.EnabledServices() {
		ids = append(ids, s.ID)
		for _, path := range []string{s.Build.Go, s.Build.Dockerfile} {
			if _, err := os.Stat(filepath.Join("shop", path)); err != nil {
				t.Errorf("service %s: %v", s.ID, err)
			}
		}
		c.Services = append(c.Services, catalog.Service{
			ServiceID: s.ID, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: canon.Digest(nil),
			Image: catalog.Image{Repository: n.Repository(s.ID), Tag: commit, Digest: canon.Digest([]byte(s.ID)), MediaType: publish.MediaType},
		})
	}
	if diff := cmp.Diff([]string{"api", "mailer", "web"}, ids); diff != "" {
		t.Fatal(diff)
	}
	tree, err := render.Render(in, n, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := render.Check(tree, n, c); err != nil {
		t.Error(err)
	}
	if notes := render.Notes(in); len(notes) > 0 {
		t.Error(notes)
	}
}

// TestShopStandsAlone: copied elsewhere, it builds and its tests pass.
func TestShopStandsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.CopyFS(dir, os.DirFS("shop")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
