package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// tree is what a layer holds: path without a leading slash → entry. Folders are
// made as they are needed.
type tree map[string]entry

type entry struct {
	mode int64  // permission bits
	link string // of a symbolic link
	data []byte // of a file
}

// add puts an entry where Debian keeps it today: below usr.
func (t tree) add(name string, e entry) {
	name = path.Clean(strings.TrimPrefix(name, "./"))
	top, _, _ := strings.Cut(name, "/")
	if top == "bin" || top == "sbin" || top == "lib" || top == "lib64" {
		name = "usr/" + name
	}
	t[name] = e
}

// layer packs the tree: sorted, of no time and no owner.
func (t tree) layer() (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if err := folders(w, made, path.Dir(name)); err != nil {
			return nil, err
		}
		e := t[name]
		h := &tar.Header{Name: name, Mode: e.mode, Size: int64(len(e.data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if e.link != "" {
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithMediaType(types.DockerLayer))
}

func folders(w *tar.Writer, made map[string]bool, dir string) error {
	if made[dir] {
		return nil
	}
	if err := folders(w, made, path.Dir(dir)); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Name: dir + "/", Mode: 0o755, Typeflag: tar.TypeDir, Format: tar.FormatPAX})
}

// imageOf joins trees to an image, a layer each.
func imageOf(trees ...tree) (v1.Image, error) {
	image := mutate.MediaType(empty.Image, types.DockerManifestSchema2)
	image = mutate.ConfigMediaType(image, types.DockerConfigJSON)
	for _, t := range trees {
		layer, err := t.layer()
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env = []string{"PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin", "GOTOOLCHAIN=auto"}
	config.Config.User = "65532:65532"
	return mutate.ConfigFile(image, config)
}

func emptyIndex() v1.ImageIndex { return empty.Index }
