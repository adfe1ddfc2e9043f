package publish_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish"
)

// entry is one file or folder of an image as a container sees it.
type entry struct {
	Mode     int64 // the permissions
	Uid, Gid int
	Dir      bool
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
		p.unpackLayer("http://"+p.address+"/v2/"+ref.Repository+"/blobs/"+l.Digest, out)
	}
	return out
}

func (p *project) unpackLayer(url string, out map[string]entry) {
	p.Helper()
	resp, err := http.Get(url)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			p.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			p.Fatal(err)
		}
		dir := h.Typeflag == tar.TypeDir
		if h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 || dir && h.Mode&0o777 != 0o755 {
			p.Errorf("%s has the time %s, the owner %d:%d and the mode %o", h.Name, h.ModTime, h.Uid, h.Gid, h.Mode)
		}
		out["/"+path.Clean(h.Name)] = entry{h.Mode & 0o7777, h.Uid, h.Gid, dir, content}
	}
}

// run runs a program of an image, in that image's files and as its user as far as
// this user may do that.
func (p *project) run(image map[string]entry, program string) string {
	p.Helper()
	root := p.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		p.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(image)) {
		e, file := image[name], filepath.Join(root, name)
		var err error
		if e.Dir {
			err = os.Mkdir(file, 0o755)
		} else {
			err = os.WriteFile(file, e.Content, 0o644)
		}
		if err := errors.Join(err, os.Chmod(file, os.FileMode(e.Mode))); err != nil {
			p.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(root, program))
	cmd.Env = []string{"ZONEINFO=/nowhere"}
	if os.Geteuid() == 0 {
		cmd = exec.Command(program)
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	cmd.Dir = "/"
	said, err := cmd.CombinedOutput()
	if err != nil {
		p.Errorf("%s: %v\n%s", program, err, said)
	}
	return string(said)
}

// paths are the files of an image.
func paths(image map[string]entry) string {
	var list []string
	for name, e := range image {
		if !e.Dir {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
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
			if got := paths(api); got != "/api /etc/ssl/certs/ca-certificates.crt" || api["/api"].Mode != 0o555 || api["/etc/ssl/certs/ca-certificates.crt"].Mode != 0o644 {
				t.Errorf("api holds %s", got)
			}
			if said := p.run(api, "/api"); said != "hello, api\n" {
				t.Errorf("api says %q", said)
			}
			worker := p.unpack("worker", d["worker"])
			if got := paths(worker); got != "/assets/index.html /assets/logo.svg /bin/worker" || worker["/bin/worker"].Mode != 0o755 {
				t.Errorf("worker holds %s", got)
			}
			if said := p.run(worker, "/bin/worker"); said != "hello, worker\n" {
				t.Errorf("worker says %q", said)
			}
			site := p.unpack("site", d["site"])
			if got := paths(site); got != "/index.html" || string(site["/index.html"].Content) != files["assets/index.html"] || site["/index.html"].Mode != 0o644 {
				t.Errorf("site holds %s", got)
			}
			for _, svc := range []string{"api", "site", "worker"} {
				if got := p.tags(svc); got != `["`+commit+`"]` {
					t.Errorf("%s has the tags %s", svc, got)
				}
			}
		})
	}
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
