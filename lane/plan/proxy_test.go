package plan_test

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/tools/txtar"
)

// useProxy makes the modules of a txtar archive, "path@version/file" each, the
// only ones there are, with a module cache of its own, and gives their go.sum.
func useProxy(t *testing.T, archive string) (sums string) {
	t.Helper()
	dir := t.TempDir()
	modules := map[string]*txtar.Archive{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		i := strings.Index(f.Name, "@")
		j := i + strings.Index(f.Name[i:], "/")
		name := f.Name[:j]
		if modules[name] == nil {
			modules[name] = new(txtar.Archive)
		}
		modules[name].Files = append(modules[name].Files, txtar.File{Name: f.Name[j+1:], Data: f.Data})
	}
	for name, files := range modules {
		sums += addModule(t, dir, name, files)
	}
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(dir))
	t.Setenv("GONOSUMDB", "*")
	t.Setenv("GOSUMDB", "off")
	cache := t.TempDir()
	t.Setenv("GOMODCACHE", cache)
	t.Cleanup(func() { // go makes it read-only
		_ = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o755)
			}
			return err
		})
	})
	return sums
}

func addModule(t *testing.T, dir, name string, files *txtar.Archive) (sums string) {
	t.Helper()
	path, version, _ := strings.Cut(name, "@")
	at := filepath.Join(dir, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	var gomod []byte
	w := zip.NewWriter(&buf)
	for _, f := range files.Files {
		if f.Name == "go.mod" {
			gomod = f.Data
		}
		out, err := w.Create(name + "/" + f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	zipFile := filepath.Join(at, version+".zip")
	for file, data := range map[string][]byte{
		zipFile:                            buf.Bytes(),
		filepath.Join(at, version+".mod"):  gomod,
		filepath.Join(at, version+".info"): []byte(`{"Version":"` + version + `"}`),
	} {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := dirhash.HashZip(zipFile, dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(gomod)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return path + " " + version + " " + sum + "\n" + path + " " + version + "/go.mod " + modSum + "\n"
}
