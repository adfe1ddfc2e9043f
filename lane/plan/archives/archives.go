// Package archives reads a lock of archives: what of other people's releases goes into
// an image, each pinned by its sha256 (rule F5).
//
// Input is the text of a lock, output the archives and what is taken out of them. The
// package downloads nothing and unpacks nothing. A lock is lines of words; empty lines
// and lines that begin with # are for people:
//
//	archive system/bash sha256:HEX http://deb.debian.org/…/bash_5.2.15_amd64.deb
//	archive codex/codex sha256:HEX https://registry.npmjs.org/…/codex.tgz
//	take    codex/codex package/vendor/bin/codex usr/local/bin/codex
//	drop    usr/share/doc
//
// An archive's name is the tree that it is unpacked into, which a Dockerfile copies as
// archives/TREE/, and a name of its own. Without a take line all of it is unpacked, with
// some only those files. A drop line leaves out a path, and all below it, of every
// archive. Several addresses are tried in their order.
//
// Refused by rule F5 are a line of another form, a kind of archive that is not known, an
// address with credentials, a name that stands twice, and a path that leaves the tree.
package archives

import (
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// MaxBytes is the most that a lock may have.
const MaxBytes = 1 << 20

// Folder is the folder of the build context that has the trees.
const Folder = "archives"

// Lock is a lock as it was read.
type Lock struct {
	Archives []Archive // by name
	Drops    []string  // paths, sorted
}

// Archive is one file of somebody else's.
type Archive struct {
	Tree, Name string
	Digest     string // "sha256:<hex>" of the file
	Kind       Kind
	URLs       []string
	Takes      []Take // none is all of it; by From
}

// Take is one file to take out.
type Take struct{ From, To string }

// Kind is how an archive is packed.
type Kind string

// The kinds, by the end of the address.
const (
	Deb   Kind = ".deb"
	TarGz Kind = ".tar.gz"
	TarXz Kind = ".tar.xz"
)

var kinds = map[string]Kind{".deb": Deb, ".tgz": TarGz, ".tar.gz": TarGz, ".tar.xz": TarXz, ".txz": TarXz}

// layout is raised when the same lock comes to be unpacked in another way.
const layout = "1"

var fullName = regexp.MustCompile(`^[a-z0-9][a-z0-9.+_-]{0,62}/[a-z0-9][a-z0-9.+_-]{0,62}$`)

// Parse reads a lock. file is only used in messages.
func Parse(file string, data []byte) (*Lock, error) {
	if len(data) > MaxBytes {
		return nil, fail.Fail(file, "make it smaller", "it has %d bytes, the limit is %d", len(data), MaxBytes)
	}
	l := &Lock{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if why, hint := l.line(words); why != "" {
			return nil, fail.Refuse("F5", fmt.Sprintf("%s:%d", file, n), hint, "%s", why)
		}
	}
	if len(l.Archives) == 0 {
		return nil, fail.Refuse("F5", file, "write archive TREE/NAME sha256:HEX URL", "it names no archive")
	}
	slices.SortFunc(l.Archives, func(a, b Archive) int { return strings.Compare(a.FullName(), b.FullName()) })
	for i := range l.Archives {
		slices.SortFunc(l.Archives[i].Takes, func(a, b Take) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	}
	slices.Sort(l.Drops)
	return l, nil
}

// FullName is the name as the lock has it.
func (a Archive) FullName() string { return a.Tree + "/" + a.Name }

func (l *Lock) line(words []string) (why, hint string) {
	switch words[0] {
	case "archive":
		return l.archive(words[1:])
	case "take":
		return l.take(words[1:])
	case "drop":
		if len(words) != 2 || !isPath(words[1]) {
			return "a path to leave out is needed", "write drop PATH, such as drop usr/share/doc"
		}
		if !slices.Contains(l.Drops, words[1]) {
			l.Drops = append(l.Drops, words[1])
		}
		return "", ""
	}
	return fmt.Sprintf("%q is not a line of an archive lock", fail.Clean(words[0], 80)), "begin it with archive, take, drop or #"
}

func (l *Lock) archive(words []string) (why, hint string) {
	const form = "write archive TREE/NAME sha256:HEX URL"
	if len(words) < 3 {
		return "an archive has a name, a digest and an address", form
	}
	name, digest := words[0], words[1]
	tree, short, _ := strings.Cut(name, "/")
	a := Archive{Tree: tree, Name: short, Digest: digest, URLs: words[2:]}
	switch {
	case !fullName.MatchString(name):
		return fmt.Sprintf("%q is not the name of a tree and of an archive", fail.Clean(name, 130)), form
	case l.find(name) != nil:
		return fmt.Sprintf("the name %s stands twice", name), "give one of the two another name"
	case !canon.IsDigest(digest):
		return fmt.Sprintf("%q is not sha256: and 64 hex digits", fail.Clean(digest, 80)), "write what sha256sum prints of the file"
	}
	for i, address := range a.URLs {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return "an address is no plain http or https URL", "write the address without credentials"
		}
		kind := kindOf(u.Path)
		if kind == "" || i > 0 && kind != a.Kind {
			return fmt.Sprintf("it is not known how %q is packed", fail.Clean(u.Path, 200)), "use .deb, .tgz, .tar.gz or .tar.xz"
		}
		a.Kind = kind
	}
	l.Archives = append(l.Archives, a)
	return "", ""
}

func (l *Lock) take(words []string) (why, hint string) {
	const form = "write take TREE/NAME FROM TO below the archive's line"
	if len(words) != 3 || !isPath(words[1]) || !isPath(words[2]) {
		return "an archive, a path in it and a path in the tree are needed", form
	}
	a := l.find(words[0])
	if a == nil {
		return fmt.Sprintf("no archive %q stands above", fail.Clean(words[0], 130)), form
	}
	if slices.ContainsFunc(a.Takes, func(t Take) bool { return t.To == words[2] }) {
		return fmt.Sprintf("%s is taken twice", words[2]), form
	}
	a.Takes = append(a.Takes, Take{words[1], words[2]})
	return "", ""
}

func (l *Lock) find(name string) *Archive {
	for i := range l.Archives {
		if l.Archives[i].FullName() == name {
			return &l.Archives[i]
		}
	}
	return nil
}

func kindOf(path string) Kind {
	for end, kind := range kinds {
		if strings.HasSuffix(path, end) {
			return kind
		}
	}
	return ""
}

// isPath reports whether p stays in the tree that it is a path of.
func isPath(p string) bool { return fs.ValidPath(p) && p != "." && !strings.ContainsAny(p, "\\\x00") }

// Inputs are what decides about the trees: of each archive its bytes and what is taken,
// not where it comes from.
func (l *Lock) Inputs() []canon.Input {
	in := []canon.Input{{Name: "archives", Value: "layout " + layout + " without " + strings.Join(l.Drops, " ")}}
	for _, a := range l.Archives {
		var value strings.Builder
		value.WriteString(a.Digest + " " + string(a.Kind))
		for _, t := range a.Takes {
			value.WriteString(" " + t.From + " as " + t.To)
		}
		in = append(in, canon.Input{Name: "archive " + a.FullName(), Value: value.String()})
	}
	return in
}

// Trees are the names of the trees, sorted.
func (l *Lock) Trees() []string {
	var trees []string
	for _, a := range l.Archives {
		trees = append(trees, a.Tree)
	}
	return slices.Compact(trees) // the archives are in order
}

// Tree is what decides about one tree.
func (l *Lock) Tree(name string) *Lock {
	return &Lock{
		Archives: slices.DeleteFunc(slices.Clone(l.Archives), func(a Archive) bool { return a.Tree != name }), Drops: l.Drops,
	}
}
