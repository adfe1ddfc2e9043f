package unpack

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan/archives"
)

// The bounds of a tree.
const (
	maxTree  = 8 << 30 // bytes
	maxFiles = 500_000
)

// unpacker writes archives into one tree.
type unpacker struct {
	root  *os.Root // nothing is written outside of it, whatever links say
	drops []string
	left  int64 // bytes that may still be written
	files int
}

func refuse(name, format string, args ...any) error {
	return fail.Refuse("F5", fail.Clean(name, 300), "leave it out with drop, or name what is needed with take", format, args...)
}

func (u *unpacker) archive(a archives.Archive, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var packed io.Reader
	switch a.Kind {
	case archives.Deb:
		packed, err = debData(f)
	case archives.TarXz:
		packed, err = xz.NewReader(f)
	default:
		packed, err = gzip.NewReader(f)
	}
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for t := tar.NewReader(packed); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if err := u.entry(a, h, t, taken); err != nil {
			return err
		}
	}
	for _, take := range a.Takes {
		if !taken[take.From] {
			return fail.Refuse("F5", a.FullName(), "mend the take line", "it has no file %s", take.From)
		}
	}
	return nil
}

// entry takes one entry of an archive, or leaves it out.
func (u *unpacker) entry(a archives.Archive, h *tar.Header, content io.Reader, taken map[string]bool) error {
	name := path.Clean(strings.TrimPrefix(h.Name, "./"))
	if name == "." {
		return nil
	}
	if !fs.ValidPath(name) {
		return refuse(h.Name, "the path leaves the tree")
	}
	if u.files++; u.files > maxFiles {
		return fail.Refuse("F5", a.FullName(), "take fewer archives into one tree", "the tree has more than %d files", maxFiles)
	}
	if len(a.Takes) > 0 {
		i := slices.IndexFunc(a.Takes, func(t archives.Take) bool { return t.From == name })
		if i < 0 {
			return nil
		}
		if h.Typeflag != tar.TypeReg {
			return refuse(name, "it is no file, and cannot be taken by itself")
		}
		taken[name], name = true, a.Takes[i].To
	} else if a.Kind == archives.Deb {
		name = merged(name)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = merged(path.Clean(strings.TrimPrefix(h.Linkname, "./")))
		}
	}
	for _, drop := range u.drops {
		if name == drop || strings.HasPrefix(name, drop+"/") {
			return nil
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.folder(name)
	case tar.TypeReg:
		return u.file(name, h, content)
	case tar.TypeSymlink:
		return u.link(name, h.Linkname)
	case tar.TypeLink:
		return u.copyOf(name, h.Linkname)
	}
	return refuse(name, "it is neither a file, a folder nor a link")
}

// roots are the folders that Debian has merged into /usr, with links in their places.
var roots = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

func merged(name string) string {
	if top, _, _ := strings.Cut(name, "/"); slices.Contains(roots, top) {
		return "usr/" + name
	}
	return name
}

// folder makes a folder and those above it. The first one below usr/lib, for one,
// brings the link of lib.
func (u *unpacker) folder(name string) error {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		at := name[:i]
		err := u.root.Mkdir(at, 0o755)
		if errors.Is(err, fs.ErrExist) {
			info, err := u.root.Lstat(at)
			if err != nil {
				return err
			}
			if !info.IsDir() {
				return refuse(at, "one archive has a folder there, another something else")
			}
			continue
		}
		if err == nil {
			err = u.root.Chmod(at, 0o755) // whatever the umask is
		}
		if err != nil {
			return err
		}
		if top, ok := strings.CutPrefix(at, "usr/"); ok && slices.Contains(roots, top) {
			if err := u.root.Symlink(at, top); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}

func (u *unpacker) file(name string, h *tar.Header, content io.Reader) error {
	if h.Size > u.left {
		return refuse(name, "the tree has more than %d bytes", int64(maxTree))
	}
	u.left -= h.Size
	if err := u.folder(path.Dir(name)); err != nil && path.Dir(name) != "." {
		return err
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return u.same(name, h, content)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// same accepts a file that another archive has as well, with the same content.
func (u *unpacker) same(name string, h *tar.Header, content io.Reader) error {
	info, err := u.root.Lstat(name)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() == h.Size {
		there, err := u.root.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			return err
		}
		was := sha256.Sum256(there)
		if bytes.Equal(was[:], sum.Sum(nil)) {
			return nil
		}
	}
	return refuse(name, "two archives have it with different contents")
}

func (u *unpacker) link(name, target string) error {
	// Followed inside of an image, an absolute target begins at its root.
	if at := path.Join(cmp.Or(path.Dir(name), "."), target); !path.IsAbs(target) && !fs.ValidPath(at) || target == "" {
		return refuse(name, "the link leaves the tree")
	}
	if err := u.folder(path.Dir(name)); err != nil && path.Dir(name) != "." {
		return err
	}
	err := u.root.Symlink(target, name)
	if errors.Is(err, fs.ErrExist) {
		if there, err := u.root.Readlink(name); err == nil && there == target {
			return nil
		}
		return refuse(name, "two archives have it with different contents")
	}
	return err
}

// copyOf takes a hard link as a file of its own.
func (u *unpacker) copyOf(name, target string) error {
	if !fs.ValidPath(target) {
		return refuse(name, "the link leaves the tree")
	}
	info, err := u.root.Lstat(target)
	if err != nil || !info.Mode().IsRegular() {
		return refuse(name, "it is a link to %s, which is no file before it", fail.Clean(target, 200))
	}
	f, err := u.root.Open(target)
	if err != nil {
		return err
	}
	defer f.Close()
	return u.file(name, &tar.Header{Size: info.Size(), Mode: int64(info.Mode().Perm())}, f)
}
