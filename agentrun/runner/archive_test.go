package runner

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/agentrun/run"
	credential "github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// place is a workspace that a test fills.
type place struct {
	t      *testing.T
	dir    string
	root   *os.Root
	bounds bounds
}

func newPlace(t *testing.T) *place {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return &place{t, dir, root, workspaceBounds()}
}

func (p *place) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	must(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(p.t, os.WriteFile(path, []byte(content), 0o644))
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	must(p.t, os.Chtimes(path, at, at))
}

func (p *place) look() map[string]stamp {
	p.t.Helper()
	found, err := look(p.t.Context(), p.root, p.bounds)
	must(p.t, err)
	return found
}

// pack gives the archive of the names, and what it lacks.
func (p *place) pack(names []string, secrets ...string) (data, lacks string) {
	p.t.Helper()
	var missed missed
	data, err := pack(p.t.Context(), p.root, names, newRedactor(secrets), p.bounds, &missed)
	must(p.t, err)
	return data, missed.text()
}

// unpack reads an archive: what is in it by name, and its order.
func unpack(t *testing.T, data string) (files map[string]string, order []string) {
	t.Helper()
	files = map[string]string{}
	if data == "" {
		return files, nil
	}
	gz, err := gzip.NewReader(strings.NewReader(data))
	must(t, err)
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, order
		}
		must(t, err)
		content, err := io.ReadAll(r)
		must(t, err)
		if h.Typeflag != tar.TypeReg || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s is of the kind %q and belongs to %d:%d", h.Name, h.Typeflag, h.Uid, h.Gid)
		}
		files[h.Name] = fmt.Sprintf("%o %s", h.Mode, content)
		order = append(order, h.Name)
	}
}

// TestArchiveHasWhatChanged: regular files that are new or changed, in one order, and
// nothing that is reached through a link, waits for a writer, or is there anyway.
func TestArchiveHasWhatChanged(t *testing.T) {
	p := newPlace(t)
	secret := credential.Password()
	p.write("same.txt", "as before")
	p.write("size.txt", "as before")
	p.write("time.txt", "as before")
	p.write("gone.txt", "as before")
	p.write("closed/inside.txt", "cannot be seen unless by root")
	must(t, os.Chmod(filepath.Join(p.dir, "closed"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(p.dir, "closed"), 0o755) })
	before := p.look()

	p.write("size.txt", "not as before")
	must(t, os.Chtimes(filepath.Join(p.dir, "time.txt"), time.Unix(1, 0), time.Unix(1, 0)))
	must(t, os.Remove(filepath.Join(p.dir, "gone.txt")))
	p.write("a/b/deep.txt", "deep")
	p.write("z.sh", "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(p.dir, "z.sh"), 0o700))
	p.write("中文 \n name", "unicode")
	p.write("not \xff text", "bytes \x00\xff")
	p.write("key.txt", "it is "+secret+"!")
	p.write(secret+".txt", "")
	for _, name := range []string{".git/config", "a/.git/HEAD", ".cache/x", "web/node_modules/x.js"} {
		p.write(name, "left out")
	}
	must(t, os.Symlink("size.txt", filepath.Join(p.dir, "link")))
	must(t, os.Symlink("a", filepath.Join(p.dir, "folder-link")))
	must(t, os.Symlink("/etc", filepath.Join(p.dir, "outside")))
	must(t, syscall.Mkfifo(filepath.Join(p.dir, "pipe"), 0o600))
	huge, err := os.Create(filepath.Join(p.dir, "huge"))
	must(t, err)
	must(t, huge.Truncate(1<<40))
	must(t, huge.Close())

	names := changed(before, p.look())
	data, lacks := p.pack(names, secret)
	files, order := unpack(t, data)
	want := map[string]string{
		"size.txt": "644 not as before", "time.txt": "644 as before", "a/b/deep.txt": "644 deep", "z.sh": "755 #!/bin/sh\n",
		"中文 \n name": "644 unicode", "not \xff text": "644 bytes \x00\xff", "key.txt": "644 it is [redacted]!", "[redacted].txt": "644 ",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	if lacks != "it lacks 1 of them: huge (it is too large)" {
		t.Errorf("it says %q", lacks)
	}
	if order[len(order)-1] != "a/b/deep.txt" {
		t.Errorf("the order is %q", order)
	}
	if again, _ := p.pack(changed(before, p.look()), secret); again != data {
		t.Error("the same files make another archive")
	}
	if data, lacks := p.pack(nil); data != "" || lacks != "" {
		t.Errorf("of nothing it makes %d bytes and says %q", len(data), lacks)
	}
}

// TestArchiveOfWhatIsNotThereAnyMore: whatever has come into the place of a file, packing
// neither waits nor leaves the workspace nor fails.
func TestArchiveOfWhatIsNotThereAnyMore(t *testing.T) {
	p := newPlace(t)
	p.write("here.txt", "x")
	p.write("folder/x", "x")
	must(t, os.Symlink("/etc/passwd", filepath.Join(p.dir, "outside")))
	must(t, syscall.Mkfifo(filepath.Join(p.dir, "pipe"), 0o600))
	data, lacks := p.pack([]string{"gone", "outside", "pipe", "folder", "here.txt"})
	files, _ := unpack(t, data)
	if diff := cmp.Diff(map[string]string{"here.txt": "644 x"}, files); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	for _, why := range []string{"lacks 4", "gone (no such file", "outside (path escapes", "pipe (it is not a file)", "folder (it is a folder"} {
		if !strings.Contains(lacks, why) {
			t.Errorf("it says %q, without %q", lacks, why)
		}
	}
}

// TestArchiveIsBounded in each of its bounds.
func TestArchiveIsBounded(t *testing.T) {
	noise := make([]byte, 300<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	p := newPlace(t)
	for i := range 4 {
		p.write(fmt.Sprint(i), string(noise[i:]))
	}
	p.write("a/b/c/d", "deep")
	for name, tt := range map[string]struct {
		change func(*bounds)
		files  int
		lacks  string
	}{
		"none":   {func(*bounds) {}, 5, ""},
		"depth":  {func(b *bounds) { b.depth = 2 }, 4, "it lacks 1 of them: a/b/c (it is a folder that cannot be looked into)"},
		"files":  {func(b *bounds) { b.files = 3 }, 3, "it lacks 2 of them: 3 (there is no more room), a/b/c/d (there is no more room)"},
		"file":   {func(b *bounds) { b.file = 100 }, 1, "it lacks 4 of them"},
		"bytes":  {func(b *bounds) { b.bytes = 700 << 10 }, 3, "it lacks 2 of them: 2 (there is no more room), 3"},
		"packed": {func(b *bounds) { b.packed = 800 << 10 }, 3, "it lacks 2 of them: 2 (there is no more room), 3"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{t, p.dir, p.root, workspaceBounds()}
			tt.change(&p.bounds)
			data, lacks := p.pack(changed(nil, p.look()))
			if files, order := unpack(t, data); len(files) != tt.files || len(data) > p.bounds.packed {
				t.Errorf("%d bytes hold %q", len(data), order)
			}
			if !strings.HasPrefix(lacks, tt.lacks) || (lacks == "") != (tt.lacks == "") {
				t.Errorf("it says %q", lacks)
			}
		})
	}
	p.bounds.entries = 6
	if found, err := look(t.Context(), p.root, p.bounds); !errors.Is(err, errTooMany) || len(found) > 6 {
		t.Errorf("%d files are looked at, %v", len(found), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := look(ctx, p.root, workspaceBounds()); !errors.Is(err, context.Canceled) {
		t.Errorf("it looks on: %v", err)
	}
	if _, err := pack(ctx, p.root, []string{"0"}, newRedactor(nil), workspaceBounds(), &missed{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it packs on: %v", err)
	}
}

// TestRealCommandsChangeFiles: Codex's diff knows of its own patches alone, so what
// commands wrote is in the archive.
func TestRealCommandsChangeFiles(t *testing.T) {
	t.Parallel()
	m := newManager(t, "model: run printf made > made.txt; printf more >> old.txt\nmodel: patch new.txt a line\nmodel: say done")
	cfg := setup(t, m, codextest.Binary(t))
	must(t, os.WriteFile(filepath.Join(cfg.Workspace, "old.txt"), []byte("old "), 0o600))
	must(t, os.WriteFile(filepath.Join(cfg.Workspace, "same.txt"), []byte("same"), 0o600))
	if ending, err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("it ends as %+v, %v", ending, err)
	}
	files, _ := unpack(t, m.artifacts[archiveName])
	if diff := cmp.Diff(map[string]string{"made.txt": "644 made", "old.txt": "644 old more", "new.txt": "644 a line\n"}, files); diff != "" {
		t.Errorf("the archive (-want +got):\n%s", diff)
	}
	if patch := m.artifacts["diff.patch"]; !strings.Contains(patch, "+a line") || strings.Contains(patch, "made.txt") || strings.Contains(patch, "old.txt") {
		t.Errorf("diff.patch is %q", patch)
	}
}

// TestAnArchiveThatIsNotTakenFailsNothing, and is said.
func TestAnArchiveThatIsNotTakenFailsNothing(t *testing.T) {
	for name, refuse := range map[string]func(*manager){
		"refused": func(m *manager) {
			m.refuse = func(path string) string {
				if path == "artifacts/"+archiveName {
					return "too_large"
				}
				return ""
			}
		},
		"not answered": func(m *manager) {
			m.trouble = func(path string, _ int) int {
				if path == "artifacts/"+archiveName {
					return 503
				}
				return 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, "do it")
			cfg := fake(t, m, "hello")
			cfg.Timing.Farewell, cfg.Timing.Reap = 10*time.Second, time.Millisecond
			cfg.Reap = func(int) { _ = os.WriteFile(filepath.Join(cfg.Workspace, "made.txt"), []byte("made"), 0o600) }
			cfg.Timing.Late = time.Second // so that it is made
			refuse(m)
			ending, err := Run(t.Context(), cfg)
			if err != nil || m.ending == nil || m.ending.State != run.Succeeded {
				t.Errorf("it ends as %+v, %v", ending, err)
			}
			if said := strings.Join(m.story(), "\n"); !strings.Contains(said, "warning | "+archiveName+" was not kept: ") {
				t.Errorf("nothing is said of it:\n%s", said)
			}
		})
	}
}
