package publish_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish"
)

// entry is one file of an image as a container sees it.
type entry struct {
	Mode     int64
	Uid, Gid int
	Content  []byte
}

// unpack reads an image out of the registry.
func (p *project) unpack(service, digest string) map[string]entry {
	p.Helper()
	ref := registry.Ref{Registry: p.address, Repository: p.names.Repository(service)}
	m, err := p.registry.Manifest(p.Context(), ref, digest)
	if err != nil {
		p.Fatal(err)
	}
	out := map[string]entry{}
	for _, l := range m.Layers {
		resp, err := http.Get("http://" + p.address + "/v2/" + ref.Repository + "/blobs/" + l.Digest)
		if err != nil {
			p.Fatal(err)
		}
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			p.Fatal(err)
		}
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				p.Fatal(err)
			}
			if h.ModTime.Unix() != 0 {
				p.Errorf("%s: %s has the time %s", service, h.Name, h.ModTime)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				p.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				out["/"+strings.TrimPrefix(h.Name, "./")] = entry{h.Mode & 0o7777, h.Uid, h.Gid, content}
			}
		}
		resp.Body.Close()
	}
	return out
}

func TestPublishesThreeKindsOfServices(t *testing.T) {
	for _, kind := range []string{"buildkit", "buildah"} {
		t.Run(kind, func(t *testing.T) {
			p := newProject(t)
			p.kind = kind
			commit := p.commit()
			out, told := p.mustPublish(commit)
			if got := told.of(publish.Done); got != "api site worker" {
				t.Errorf("published %q", got)
			}
			if got := told.of(publish.Compiling); got != "api worker" {
				t.Errorf("compiled %q", got)
			}
			data, err := out.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := publish.Parse("published.json", data, p.names); err != nil {
				t.Errorf("what it wrote cannot be read: %v\n%s", err, data)
			}
			d := digests(out)

			api := p.unpack("api", d["api"])
			program := api["/api"]
			ca := api["/etc/ssl/certs/ca-certificates.crt"]
			if program.Mode != 0o555 || program.Uid != 0 || ca.Mode != 0o444 || !bytes.Contains(ca.Content, []byte("BEGIN CERTIFICATE")) || len(api) != 2 {
				t.Errorf("api holds %v", keys(api))
			}
			file := filepath.Join(t.TempDir(), "api")
			if err := os.WriteFile(file, program.Content, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(file)
			cmd.Env = []string{"ZONEINFO=/nowhere"}
			if said, err := cmd.CombinedOutput(); err != nil || string(said) != "hello, api\n" {
				t.Errorf("the program says %q, %v", said, err)
			}

			worker := p.unpack("worker", d["worker"])
			if w := worker["/bin/worker"]; w.Mode != 0o755 || w.Uid != 0 || string(worker["/assets/index.html"].Content) != files["assets/index.html"] || len(worker) != 3 {
				t.Errorf("worker holds %v, the program has mode %o", keys(worker), w.Mode)
			}
			if site := p.unpack("site", d["site"]); len(site) != 1 || site["/index.html"].Mode != 0o644 {
				t.Errorf("site holds %v", keys(site))
			}
			for _, svc := range []string{"api", "site", "worker"} {
				if got := p.tags(svc); got != `["`+commit+`"]` {
					t.Errorf("%s has the tags %s", svc, got)
				}
			}
		})
	}
}

func keys(m map[string]entry) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	return list
}

// tags is the list of a service's tags as the registry prints it.
func (p *project) tags(service string) string {
	p.Helper()
	resp, err := http.Get("http://" + p.address + "/v2/" + p.names.Repository(service) + "/tags/list")
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	_, list, _ := strings.Cut(string(data), `"tags":`)
	return strings.TrimSuffix(strings.TrimSpace(list), "}")
}

// F5: the same commit on a clean cache, in another registry, with another umask.
// F6: another commit that differs in what no build reads.
func TestF5_F6_SameImages(t *testing.T) {
	p := newProject(t)
	first := p.commit()
	want, _ := p.mustPublish(first)

	again := newProject(t)
	if c := again.commit(); c != first {
		t.Fatalf("the fixture gives %s, then %s", first, c)
	}
	restore := umask(0o077)
	got, _, err := again.publish(first)
	restore()
	need(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on a clean cache (-before +after):\n%s", diff)
	}

	p.write("README.md", "changed\n")
	p.write("deploy/deploy.json", "{\"lane\":\"v0.2\"}\n")
	p.write("greet/greet_test.go", "package greet\n")
	p.names.Lane = "v0.2"
	other, told := p.mustPublish(p.commit())
	if diff := cmp.Diff(digests(want), digests(other)); diff != "" {
		t.Errorf("another commit of the same content (-before +after):\n%s", diff)
	}
	if got := told.of(publish.Building); got != "" {
		t.Errorf("it built %q again, which the registry has", got)
	}
}
