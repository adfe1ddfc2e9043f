package unpack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan/archives"
)

func tarball(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = "content of " + h.Name
			if h.Uname != "" { // stands for another content
				content = h.Uname
			}
			h.Size = int64(len(content))
		}
		must(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func deb(t *testing.T, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, member := range []struct{ name, content string }{{"debian-binary", "2.0\n"}, {"control.tar.xz", "odd"}, {"data.tar.xz", packed.String()}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", member.name, 0, 0, 0, "100644", len(member.content), member.content)
		if len(member.content)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// mirror serves archives and says which were asked for.
type mirror struct {
	*httptest.Server
	files map[string][]byte
	asked []string
}

func newMirror(t *testing.T) *mirror {
	m := &mirror{files: map[string][]byte{}}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked = append(m.asked, r.URL.Path)
		data, ok := m.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) lock(t *testing.T, lines ...string) *archives.Lock {
	t.Helper()
	text := strings.Join(lines, "\n")
	text = strings.ReplaceAll(text, "URL", m.URL)
	for name, data := range m.files {
		text = strings.ReplaceAll(text, "SUM"+name, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
	}
	l, err := archives.Parse("lock", []byte(text))
	must(t, err)
	return l
}

func (m *mirror) store(t *testing.T) *Store {
	return &Store{Dir: t.TempDir(), HTTP: m.Client(), Progress: func(string, string) {}}
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rest, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %s", info.Mode(), rest)
		switch {
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " → " + target
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += ": " + string(data)
		}
		all = append(all, line)
		return nil
	}))
	return all
}

func TestTree(t *testing.T) {
	m := newMirror(t)
	m.files["/sh.deb"] = deb(t, tarball(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700},
		tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o2775},
		tar.Header{Name: "./bin/sh", Typeflag: tar.TypeReg, Mode: 0o4755},
		tar.Header{Name: "./bin/rsh", Typeflag: tar.TypeSymlink, Linkname: "sh"},
		tar.Header{Name: "./bin/zsh", Typeflag: tar.TypeLink, Linkname: "./bin/sh"},
		tar.Header{Name: "./usr/share/doc/sh/copyright", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./etc/shrc", Typeflag: tar.TypeReg, Mode: 0o600},
	))
	m.files["/lib.deb"] = deb(t, tarball(t,
		tar.Header{Name: "./lib/x/libc.so", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./usr/lib/x/libd.so", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./etc/shrc", Typeflag: tar.TypeReg, Mode: 0o644, Uname: "content of ./etc/shrc"},
	))
	m.files["/agent.tgz"] = zipped(t, tarball(t,
		tar.Header{Name: "package/bin/agent", Typeflag: tar.TypeReg, Mode: 0o755},
		tar.Header{Name: "package/README.md", Typeflag: tar.TypeReg, Mode: 0o644},
	))
	l := m.lock(t,
		"archive system/sh SUM/sh.deb URL/gone/sh.deb URL/sh.deb", "archive system/lib SUM/lib.deb URL/lib.deb",
		"archive agent/agent SUM/agent.tgz URL/agent.tgz", "take agent/agent package/bin/agent usr/local/bin/agent", "drop usr/share/doc",
	)
	s := m.store(t)
	system, err := s.Tree(t.Context(), l.Tree("system"))
	must(t, err)
	want := []string{
		"Lrwxrwxrwx bin → usr/bin", "drwxr-xr-x etc", "-rw-r--r-- etc/shrc: content of ./etc/shrc", "Lrwxrwxrwx lib → usr/lib", "drwxr-xr-x usr",
		"drwxr-xr-x usr/bin", "Lrwxrwxrwx usr/bin/rsh → sh", "-rwxr-xr-x usr/bin/sh: content of ./bin/sh", "-rwxr-xr-x usr/bin/zsh: content of ./bin/sh",
		"drwxr-xr-x usr/lib", "drwxr-xr-x usr/lib/x", "-rw-r--r-- usr/lib/x/libc.so: content of ./lib/x/libc.so", "-rw-r--r-- usr/lib/x/libd.so: content of ./usr/lib/x/libd.so",
	}
	if diff := cmp.Diff(want, listing(t, system)); diff != "" {
		t.Errorf("the system (-want +got):\n%s", diff)
	}
	agent, err := s.Tree(t.Context(), l.Tree("agent"))
	must(t, err)
	place := filepath.Join(t.TempDir(), "context", "agent")
	must(t, Place(agent, place))
	want = []string{"drwxr-xr-x usr", "drwxr-xr-x usr/local", "drwxr-xr-x usr/local/bin", "-rwxr-xr-x usr/local/bin/agent: content of package/bin/agent"}
	if diff := cmp.Diff(want, listing(t, place)); diff != "" {
		t.Errorf("the agent (-want +got):\n%s", diff)
	}

	// Again: nothing is asked for and nothing unpacked.
	m.asked = nil
	again, err := s.Tree(t.Context(), l.Tree("system"))
	if err != nil || again != system || m.asked != nil {
		t.Errorf("again it is %s, %v, and %v was asked for", again, err, m.asked)
	}
	left, err := filepath.Glob(filepath.Join(s.Dir, "*", ".part-*"))
	if err != nil || left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestF5_RefusesWhatLeavesTheTree(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	for name, c := range map[string]struct {
		entries []tar.Header
		why     string
	}{
		"a path up":              {[]tar.Header{file("../up")}, "leaves the tree"},
		"an absolute path":       {[]tar.Header{file("/etc/passwd")}, "leaves the tree"},
		"a link up":              {[]tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "../../etc"}}, "leaves the tree"},
		"a hard link up":         {[]tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}}, "leaves the tree"},
		"a hard link to nothing": {[]tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}}, "no file before it"},
		"through a link":         {[]tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, file("a/b")}, "something else"},
		"a device":               {[]tar.Header{{Name: "a", Typeflag: tar.TypeChar}}, "neither a file"},
		"a pipe":                 {[]tar.Header{{Name: "a", Typeflag: tar.TypeFifo}}, "neither a file"},
		"two contents":           {[]tar.Header{file("a"), {Name: "a", Typeflag: tar.TypeReg, Uname: "other"}}, "different contents"},
		"two links":              {[]tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "b"}, {Name: "a", Typeflag: tar.TypeSymlink, Linkname: "c"}}, "different contents"},
	} {
		m := newMirror(t)
		m.files["/a.tgz"] = zipped(t, tarball(t, c.entries...))
		s := m.store(t)
		_, err := s.Tree(t.Context(), m.lock(t, "archive t/a SUM/a.tgz URL/a.tgz"))
		if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), c.why) || fail.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if trees, _ := os.ReadDir(filepath.Join(s.Dir, "trees")); len(trees) != 0 {
			t.Errorf("%s: %v is left", name, trees)
		}
	}
}

func TestF5_RefusesOtherBytes(t *testing.T) {
	m := newMirror(t)
	m.files["/a.tgz"] = zipped(t, tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}))
	l := m.lock(t, "archive t/a SUM/a.tgz URL/a.tgz")
	m.files["/a.tgz"] = append(m.files["/a.tgz"], 0)
	_, err := m.store(t).Tree(t.Context(), l)
	if fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), "the lock says "+l.Archives[0].Digest) || len(m.asked) != 1 {
		t.Errorf("%v after %v", err, m.asked)
	}
	// A file that is not what its name says is not found out in the store: it was
	// proved before it had the name. One that cannot be unpacked is.
	m.files["/b.deb"] = []byte("no package")
	if _, err := m.store(t).Tree(t.Context(), m.lock(t, "archive t/b SUM/b.deb URL/b.deb")); err == nil || !strings.Contains(err.Error(), "no Debian package") {
		t.Errorf("%v", err)
	}
	l = m.lock(t, "archive t/a SUM/a.tgz URL/a.tgz", "take t/a nothing x")
	if _, err := m.store(t).Tree(t.Context(), l); fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), "no file nothing") {
		t.Errorf("%v", err)
	}
}

func TestDownloadGoesOn(t *testing.T) {
	m := newMirror(t)
	m.files["/a.tgz"] = zipped(t, tarball(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}))
	l := m.lock(t, "archive t/a SUM/a.tgz URL/a.tgz")
	good, times := m.Config.Handler, 0
	m.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch times++; times {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
		default:
			good.ServeHTTP(w, r)
		}
	})
	if _, err := m.store(t).Tree(t.Context(), l); err != nil || times != 3 {
		t.Errorf("%v after %d requests", err, times)
	}
	m.files = nil
	if _, err := m.store(t).Tree(t.Context(), l); fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "404") || fail.HintOf(err) == "" {
		t.Errorf("gone: %v", err)
	}
}

func FuzzDeb(f *testing.F) {
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := debData(bytes.NewReader(data))
		if (r == nil) != (err != nil) {
			t.Errorf("%v, %v", r, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
