// Package image makes container images out of files, without a builder: the same
// files give the same digest. Owners are root, times are the epoch, the media
// types are Docker's schema 2, as the lab's registry wants them.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// FromFS is an image of one layer with everything in root. Config may say how it
// is run; its platform is linux/amd64.
func FromFS(root fs.FS, config v1.Config) (v1.Image, error) {
	return fromTar(func(w io.Writer) error { return writeTar(w, root) }, config)
}

// FromTar is an image of one layer that is the tar archive in file, as it is.
func FromTar(file string, config v1.Config) (v1.Image, error) {
	return fromTar(func(w io.Writer) error {
		archive, err := os.Open(file)
		if err != nil {
			return err
		}
		defer archive.Close()
		_, err = io.Copy(w, archive)
		return err
	}, config)
}

func fromTar(write func(io.Writer) error, config v1.Config) (v1.Image, error) {
	// Read more than once, so never held in memory: a toolchain is large.
	open := func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(write(w)) }()
		return r, nil
	}
	layer, err := tarball.LayerFromOpener(open, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("making a layer: %w", err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", config
	return mutate.ConfigFile(image, file)
}

// writeTar writes everything in root with fixed owners and times.
func writeTar(to io.Writer, root fs.FS) error {
	w := tar.NewWriter(to)
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = fs.ReadLink(root, path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		*header = tar.Header{
			Typeflag: header.Typeflag, Name: path, Linkname: link, Size: header.Size, Mode: header.Mode,
			Devmajor: header.Devmajor, Devminor: header.Devminor, Format: tar.FormatPAX,
		}
		if info.IsDir() {
			header.Name += "/"
		}
		if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := root.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(w, file)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// entry is one file of a small image.
type entry struct {
	name string
	mode int64
	link string
	from string // a file on this machine; without it and without link, a folder
}

func small(entries []entry) func(io.Writer) error {
	return func(to io.Writer) error {
		w := tar.NewWriter(to)
		for _, e := range entries {
			header := &tar.Header{Name: e.name, Mode: e.mode, Format: tar.FormatPAX}
			var content []byte
			switch {
			case e.link != "":
				header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
			case e.from != "":
				var err error
				if content, err = os.ReadFile(e.from); err != nil {
					return err
				}
				header.Typeflag, header.Size = tar.TypeReg, int64(len(content))
			default:
				header.Typeflag, header.Name = tar.TypeDir, filepath.Clean(e.name)+"/"
			}
			if err := w.WriteHeader(header); err != nil {
				return err
			}
			if _, err := io.Copy(w, bytes.NewReader(content)); err != nil {
				return err
			}
		}
		return w.Close()
	}
}
