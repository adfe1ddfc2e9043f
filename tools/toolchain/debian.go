package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the packages that the steps use; what they need comes with them.
var wanted = []string{"git", "openssh-client", "make", "busybox-static", "runc"}

// unneeded are dependencies that no step comes near: git's scripts in Perl, and
// what installs packages.
var unneeded = []string{"perl", "liberror-perl", "libperl", "libgdbm", "git-man", "dpkg", "tar", "debconf", "passwd", "adduser", "libpam", "libaudit", "libsemanage", "libdb5"}

// left are folders that nobody reads in a container.
var left = []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bug", "usr/share/bash-completion", "usr/share/menu", "usr/share/initramfs-tools", "usr/share/gitweb", "etc/init.d", "etc/default"}

// debianLayer is what the machine's Debian release has of the wanted packages
// today.
func debianLayer(ctx context.Context) (tree, error) {
	packages, err := resolve(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "toolchain-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	// apt downloads as a user of its own, who must be able to write here.
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "downloading %d Debian packages\n", len(packages))
	download := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "download"}, packages...)...)
	download.Dir, download.Stderr = dir, os.Stderr
	if err := download.Run(); err != nil {
		return nil, fmt.Errorf("downloading Debian packages (run apt-get update first): %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return nil, err
	}
	t := tree{}
	for _, file := range files {
		if err := unpack(ctx, t, file); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", filepath.Base(file), err)
		}
	}
	t.shell()
	t.system(packages)
	return t, nil
}

// resolve lists the packages with what they depend on, as "name=version", sorted.
func resolve(ctx context.Context) ([]string, error) {
	args := append([]string{"-s", "-o", "Dir::State::status=/dev/null", "install", "--no-install-recommends", "-y"}, wanted...)
	out, err := exec.CommandContext(ctx, "apt-get", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt-get for dependencies (run apt-get update first): %w", err)
	}
	var packages []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "Inst" || slices.ContainsFunc(unneeded, func(prefix string) bool { return strings.HasPrefix(f[1], prefix) }) {
			continue
		}
		packages = append(packages, f[1]+"="+strings.TrimPrefix(f[2], "("))
	}
	slices.Sort(packages)
	return packages, nil
}

// unpack adds the files of a package.
func unpack(ctx context.Context, t tree, file string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = t.read(out)
	_, drained := io.Copy(io.Discard, out)
	return errors.Join(err, drained, cmd.Wait())
}

func (t tree) read(r io.Reader) error {
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "./"))
		if slices.ContainsFunc(left, func(dir string) bool { return strings.HasPrefix(name, dir+"/") }) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			t.add(name, entry{mode: h.Mode & 0o755, data: data})
		case tar.TypeSymlink:
			t.add(name, entry{link: h.Linkname})
		case tar.TypeLink:
			// The same content twice: git has more than a hundred names for one program.
			target := path.Clean(strings.TrimPrefix(h.Linkname, "./"))
			t.add(name, entry{link: "/" + target})
		}
	}
}

// shell gives busybox the names of the programs that no package brought.
func (t tree) shell() {
	for _, name := range strings.Fields(`sh ash basename cat chmod cp cut date dirname du echo env expr false find
		grep head hostname id kill ln ls mkdir mktemp mv nproc printf ps pwd readlink realpath rm rmdir sed seq sleep sort
		stat tail tar tee test touch tr true uname uniq wc which xargs`) {
		if _, taken := t["usr/bin/"+name]; !taken {
			t["usr/bin/"+name] = entry{link: "busybox"}
		}
	}
}

// system adds what makes the packages work without having been installed.
func (t tree) system(packages []string) {
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		t[dir] = entry{link: "usr/" + dir}
	}
	for name, content := range map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nlane:x:65532:65532:lane:/tekton/home:/bin/sh\n",
		"etc/group":         "root:x:0:\nlane:x:65532:\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
		"etc/toolchain":     strings.Join(packages, "\n") + "\n",
	} {
		t[name] = entry{mode: 0o644, data: []byte(content)}
	}
}

// roots are the certificates that this machine trusts. Where a proxy signs for the
// outside, as in many companies, the steps have to trust it as well.
func roots() (tree, error) {
	const bundle = "etc/ssl/certs/ca-certificates.crt"
	data, err := os.ReadFile("/" + bundle)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates that this machine trusts (apt-get install ca-certificates): %w", err)
	}
	return tree{bundle: {mode: 0o644, data: data}}, nil
}
