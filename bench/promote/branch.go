package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/publish"
)

// release is the content of a branch at one source commit.
type release struct {
	names   names.Names
	catalog *catalog.Catalog
}

// newRelease is a release that published all services at the source commit.
func newRelease(n names.Names, services int, commit string) *release {
	c := catalog.Empty(n, commit, canon.Digest([]byte("intent")))
	c.RenderDigest = canon.Digest([]byte("render"))
	for i := range services {
		id := fmt.Sprintf("service-%04d", i)
		c.Services = append(c.Services, catalog.Service{
			ServiceID: id, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: canon.Digest([]byte(id)),
			Image: catalog.Image{Repository: n.Repository(id), Tag: commit, Digest: canon.Digest([]byte(id)), MediaType: publish.MediaType},
		})
	}
	return &release{names: n, catalog: c}
}

// next publishes the ith service again, at the source commit.
func (r *release) next(i int, commit string) {
	c := r.catalog
	c.SourceCommitID = commit
	for k := range c.Services {
		c.Services[k].Status = catalog.Reused
	}
	s := &c.Services[i%len(c.Services)]
	s.Status, s.SourceCommitID, s.Image.Tag = catalog.Published, c.SourceCommitID, c.SourceCommitID
	s.Image.Digest = canon.Digest(fmt.Append(nil, i))
}

// file is the path and content of a service's manifests.
func (r *release) file(service int) (string, []byte) {
	s := r.catalog.Services[service]
	var b strings.Builder
	for _, kind := range [...]string{"Deployment", "Service", "ServiceAccount", "NetworkPolicy"} {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s\n  labels: {app: %[2]s, part-of: %[4]s}\nspec:\n",
			kind, s.ServiceID, r.names.RuntimeNamespace, r.names.Project)
		for line := range 20 {
			fmt.Fprintf(&b, "  field-%d: value of %s\n", line, s.ServiceID)
		}
		fmt.Fprintf(&b, "  image: 127.0.0.1:5000/%s@%s\n", s.Image.Repository, s.Image.Digest)
	}
	return r.names.RuntimePath + "/services/" + s.ServiceID + ".yaml", []byte(b.String())
}

func (r *release) encode() []byte {
	data, err := r.catalog.Encode()
	if err != nil {
		panic(err) // a catalog always encodes
	}
	return data
}

// files is everything on the branch.
func (r *release) files() map[string][]byte {
	files := map[string][]byte{
		r.names.ArtifactCatalog:                 r.encode(),
		r.names.RuntimePath + "/namespace.yaml": []byte("kind: Namespace\n"),
	}
	for i := range r.catalog.Services {
		path, data := r.file(i)
		files[path] = data
	}
	return files
}

// fill gives the bare repository in dir a GitOps branch with one release for
// each source commit. Only the last ones hold their catalogs: what is older is
// never read.
func (r *release) fill(ctx context.Context, dir string, source []string) error {
	return history(ctx, dir, r.names.GitopsRef(), len(source), func(i int) map[string][]byte {
		if i == 0 {
			return r.files()
		}
		r.next(i, source[i])
		path, data := r.file(i % len(r.catalog.Services))
		files := map[string][]byte{path: data}
		if i >= len(source)-3 {
			files[r.names.ArtifactCatalog] = r.encode()
		}
		return files
	})
}

// newSource makes a source repository and gives its commits, oldest first.
func newSource(ctx context.Context, dir string, commits int) (*git.Repo, []string, error) {
	repo, err := git.Create(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	err = history(ctx, dir, "refs/heads/main", commits, func(i int) map[string][]byte {
		return map[string][]byte{"main.go": fmt.Appendf(nil, "package main // %d\n", i)}
	})
	if err != nil {
		return nil, nil, err
	}
	out, err := exec.CommandContext(ctx, "git", "--git-dir="+dir, "rev-list", "--reverse", "refs/heads/main").Output()
	return repo, strings.Fields(string(out)), err
}

// history writes a branch of n commits, each putting some files.
func history(ctx context.Context, dir, ref string, n int, files func(i int) map[string][]byte) error {
	cmd := exec.CommandContext(ctx, "git", "--git-dir="+dir, "fast-import", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriter(in)
	for i := range n {
		writeCommit(w, ref, i, files(i))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}

func writeCommit(w io.Writer, ref string, i int, files map[string][]byte) {
	fmt.Fprintf(w, "commit %s\ncommitter lane <lane@bench> %d +0000\ndata 8\npromote\n", ref, epoch.Unix()+int64(i))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", path, len(files[path]), files[path])
	}
}

// epoch is when the history begins.
var epoch = time.Unix(1700000000, 0)
