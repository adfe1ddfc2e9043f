package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
)

// world is a released lane: who is asked about it, and the program that asks.
type world struct {
	lane, source, cache string // paths
	names               names.Names
	catalog             *catalog.Catalog
	cluster             *cluster
	registry            *images
	remote              *scratch.GitRemote
}

func newWorld(ctx context.Context, dir string, services int) (w *world, err error) {
	w = &world{lane: filepath.Join(dir, "lane"), source: filepath.Join(dir, "source"), cache: filepath.Join(dir, "cache")}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", w.lane, "./cmd/lane")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return w, fmt.Errorf("building lane (run this from the top of the repository): %w", err)
	}
	if w.remote, err = scratch.StartGitRemote(ctx, filepath.Join(dir, "remote")); err != nil {
		return w, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return w, err
	}
	in, err := parsed(wanted(services, w.remote.URL, listener.Addr().String()))
	if err != nil {
		return w, err
	}
	if w.names, err = in.Names(); err != nil {
		return w, err
	}
	commit, err := w.commitSource(ctx, in)
	if err != nil {
		return w, err
	}
	digest, err := in.Digest()
	if err != nil {
		return w, err
	}
	w.registry = newImages()
	w.catalog = catalog.Empty(w.names, commit, digest)
	for _, s := range in.Services {
		identity := canon.Digest([]byte(s.ID))
		w.catalog.Services = append(w.catalog.Services, catalog.Service{
			ServiceID: s.ID, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: identity,
			Image: catalog.Image{Repository: w.names.Repository(s.ID), Tag: commit, Digest: w.registry.add(w.names.Repository(s.ID), identity), MediaType: publish.MediaType},
		})
	}
	w.registry.serve(listener)
	tree, err := render.Render(in, w.names, w.catalog)
	if err != nil {
		return w, err
	}
	if err := w.promote(ctx, tree); err != nil {
		return w, err
	}
	w.cluster, err = newCluster(dir, w.names, in, tree)
	return w, err
}

func (w *world) close() {
	if w.cluster != nil {
		w.cluster.Close()
	}
	if w.registry != nil {
		w.registry.close()
	}
	if w.remote != nil {
		w.remote.Close()
	}
}

// wanted is an intent of count services, each of which renders to four objects.
func wanted(count int, repository, registry string) *intent.Intent {
	in := &intent.Intent{
		APIVersion: intent.APIVersion, Kind: intent.Kind, Project: "shop", Lane: "v0.3",
		Cluster:    intent.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"},
		Source:     intent.Source{Repository: repository},
		Registry:   intent.Registry{Address: registry, Insecure: true},
		CI:         intent.CI{Namespace: "shop-ci", NoProxy: []string{"hyueapi.com", ".hyueapi.com", "10.43.0.0/16", ".svc.cluster.local"}},
		SecretRefs: []intent.SecretRef{{Name: "shop-v03-orders", Keys: []string{"ORDERS_URL"}}},
	}
	for i := range count {
		id := fmt.Sprintf("service-%04d", i)
		in.ServiceAccounts = append(in.ServiceAccounts, intent.ServiceAccount{Name: id})
		in.Services = append(in.Services, intent.Service{
			ID: id, Kind: intent.Deployment, Enabled: true, Build: intent.Build{Go: "./cmd/" + id},
			Replicas: new(2), ServiceAccount: id,
			Ports:  []intent.Port{{Name: "http", Port: 8080}},
			Health: &intent.Health{Live: "/healthz", Ready: "/readyz"},
			Env:    []intent.Env{{Name: "ORDERS_URL", SecretRef: &intent.KeyRef{Name: "shop-v03-orders", Key: "ORDERS_URL"}}},
			Network: intent.Network{
				Ingress: []intent.Flow{{CIDR: "10.42.0.0/16", Ports: []int{8080}}},
				Egress:  []intent.Flow{{DNS: true}},
			},
		})
	}
	return in
}

// parsed is the intent as lane reads it.
func parsed(in *intent.Intent) (*intent.Intent, error) {
	data, err := canon.Marshal(in)
	if err != nil {
		return nil, err
	}
	return intent.Parse(intent.Path, data)
}

var by = git.Signature{Name: "somebody", Email: "somebody@example.com", When: time.Unix(1700000000, 0)}

// commitSource makes the source repository: the intent and a program for each service.
func (w *world) commitSource(ctx context.Context, in *intent.Intent) (string, error) {
	repo, err := git.Create(ctx, w.source)
	if err != nil {
		return "", err
	}
	data, err := canon.Marshal(in)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{intent.Path: data}
	for _, s := range in.Services {
		files["cmd/"+s.ID+"/main.go"] = []byte("package main\n\nfunc main() {}\n")
	}
	commit, err := repo.WriteCommit(ctx, git.NewCommit{Put: files, Message: "first\n", By: by})
	if err != nil {
		return "", err
	}
	if err := program(ctx, "git", "--git-dir="+w.source, "symbolic-ref", "HEAD", w.names.SourceRef()); err != nil {
		return "", err
	}
	if err := program(ctx, "git", "--git-dir="+w.source, "update-ref", w.names.SourceRef(), commit); err != nil {
		return "", err
	}
	return commit, program(ctx, "git", "--git-dir="+w.source, "push", "-q", w.remote.URL, w.names.SourceRef())
}

// promote puts catalog and manifests on the GitOps branch.
func (w *world) promote(ctx context.Context, tree render.Tree) error {
	w.catalog.RenderDigest = tree.Digest()
	data, err := w.catalog.Encode()
	if err != nil {
		return err
	}
	files := map[string][]byte{w.names.ArtifactCatalog: data}
	maps.Copy(files, tree)
	message := fmt.Sprintf("promote shop v0.3\n\n%s: %s\n%s: %s\n%s: %s\n",
		promote.TrailerSource, w.catalog.SourceCommitID, promote.TrailerIntent, w.catalog.IntentDigest, promote.TrailerRender, w.catalog.RenderDigest)
	repo := &git.Repo{GitDir: w.remote.Dir}
	head, err := repo.WriteCommit(ctx, git.NewCommit{Put: files, Message: message, By: by})
	if err != nil {
		return err
	}
	return program(ctx, "git", "--git-dir="+w.remote.Dir, "update-ref", w.names.GitopsRef(), head)
}

func program(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
