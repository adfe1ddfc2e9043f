package golang

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// pkg is a package of the commit or of a module that it uses. Standard packages
// are part of the toolchain and have none.
type pkg struct {
	path    string // import path
	place   place
	folder  *folder
	imports []*pkg
	files   []git.Entry   // local: what the compiler reads of it
	inputs  []canon.Input // local: the same as inputs, one for each file
	loaded  bool
	err     error // why it cannot be built
	closure set   // see mainModule.closure
	digest  memo.Key
	state   int
}

// compiled is e as the compiler sees it: without its mode.
func compiled(e git.Entry) git.Entry {
	e.Mode = git.ModeFile
	return e
}

// collect finds the files of a package after its folder was scanned. Of a module
// in the cache none are needed: its hash stands for all of them.
func (p *pkg) collect(t *tree.Tree) error {
	dir := p.place.dir()
	if p.folder.problem != "" {
		return fail.Fail(dir, "mend the package so that go build accepts it for linux/amd64 without cgo", "%s", fail.Clean(p.folder.problem, 500))
	}
	if !p.place.owner.local {
		return nil
	}
	if err := p.folder.checkIncludes(t, dir); err != nil {
		return err
	}
	for _, list := range [][]string{p.folder.goFiles, p.folder.asmFiles, p.folder.headers, p.folder.objects} {
		for _, name := range list {
			if err := p.add(t, path.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if p.folder.name == "main" {
		profile := path.Join(dir, "default.pgo") // read by -pgo=auto
		if _, ok := t.Entry(profile); ok {
			if err := p.add(t, profile); err != nil {
				return err
			}
		}
	}
	embeds, err := embedded(t, dir, p.folder.embeds)
	if err != nil {
		return err
	}
	for _, e := range embeds {
		if err := p.add(t, e.Path); err != nil {
			return err
		}
	}
	return nil
}

func (p *pkg) add(t *tree.Tree, at string) error {
	if !utf8.ValidString(at) {
		return fail.Fail(fmt.Sprintf("%q", at), "rename the file", "its name is not UTF-8")
	}
	e, _ := t.Entry(at)
	e, err := t.Follow(e)
	if err != nil {
		return err
	}
	p.files = append(p.files, compiled(e))
	p.inputs = append(p.inputs, canon.Input{Name: "file " + e.Path, Value: git.ModeFile + " " + e.OID})
	return nil
}

// internalError is Go's rule about internal packages: only what shares the
// parent of "internal" may import them.
func internalError(importer, imported string) error {
	elems := strings.Split(imported, "/")
	i := len(elems) - 1
	for i >= 0 && elems[i] != "internal" {
		i--
	}
	if i < 0 {
		return nil
	}
	parent := strings.Join(elems[:i], "/")
	if parent != "" && (importer == parent || strings.HasPrefix(importer, parent+"/")) {
		return nil
	}
	return fail.Fail("", "import a package that is not internal", "%s is internal to %s", imported, cmp.Or(parent, "the standard library"))
}
