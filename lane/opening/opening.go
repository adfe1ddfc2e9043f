// Package opening makes the change of the source that opens the next lane beside one
// that is there (rules A1, A4).
//
// Input are the names of both lanes and the files of a commit; output are the files as
// the next lane's branch must have them: the intent, in which every name of the lane and
// the lane itself are the next one's, and the reference pages that are compared with it.
// A name is replaced where it stands whole: shop-v03 in shop-v03-mail, and neither in
// my-shop-v03 nor in shop-v030. A version that stands alone may be that of anything, so
// it is replaced in the intent's lane and, on the pages, only in tables and beside names
// of the lane. The package is pure: it writes no file (rule D3), and whoever takes the
// change commits it.
package opening

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// Pages is the folder of the documents that lanes are described in.
const Pages = "docs/reference"

// Change is what the next lane's branch has other than the one it begins at.
type Change struct {
	Files map[string][]byte // the new content of each file that changes
	Patch []byte            // the same, for git apply
	Left  []string          // documents that still name the lane it begins at; for people to judge
}

// Of makes the change. files are the commit's: the intent and every document. It refuses
// an intent that is not from's, and one that names from also after the change (rule A4).
func Of(from, to names.Names, files map[string][]byte) (*Change, error) {
	c := &Change{Files: map[string][]byte{}, Left: []string{}}
	data, ok := files[intent.Path]
	if !ok {
		return nil, fail.Refuse("D1", intent.Path, "begin at a commit of "+from.SourceBranch, "the commit has no intent")
	}
	next := laneField.ReplaceAll(Rename(from, to, data), []byte(`${1}"`+to.Lane+`"`))
	in, err := intent.Parse(intent.Path, next)
	if err != nil {
		return nil, err
	}
	if n, err := in.Names(); err != nil {
		return nil, err
	} else if n != to {
		return nil, fail.Refuse("A1", intent.Path, "write the lane as \"lane\": \""+from.Lane+"\" in the intent", "its lane cannot be made %s", to.Lane)
	}
	c.put(intent.Path, data, next)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".md" {
			continue
		}
		if strings.HasPrefix(name, Pages+"/") {
			c.put(name, files[name], page(from, to, files[name]))
		} else if Names(from, files[name]) {
			c.Left = append(c.Left, name)
		}
	}
	return c, nil
}

// laneField is where the intent says its lane. A schema's own field of that name is
// nowhere: the intent is strict.
var laneField = regexp.MustCompile(`(?m)^([ \t]*(?:\{[ \t]*)?"lane"[ \t]*:[ \t]*)"v[0-9.]+"`)

func (c *Change) put(name string, was, is []byte) {
	if bytes.Equal(was, is) {
		return
	}
	c.Files[name] = is
	c.Patch = append(c.Patch, diff.Diff("a/"+name, was, "b/"+name, is)...)
}

// page renames the lane in a document.
func page(from, to names.Names, text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		renamed := Rename(from, to, line)
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("|")) || !bytes.Equal(renamed, line) {
			renamed = replace(renamed, map[string]string{from.Lane: to.Lane})
		}
		b.Write(renamed)
	}
	return b.Bytes()
}

// Names reports whether text has a name of the lane.
func Names(lane names.Names, text []byte) bool {
	for old := range derived(lane, lane) {
		if len(places(text, old)) > 0 {
			return true
		}
	}
	return false
}

// Rename makes of each name of one lane in text that of the other.
func Rename(from, to names.Names, text []byte) []byte { return replace(text, derived(from, to)) }

// RenameLane makes of each version that stands alone and is the one lane's the other's.
// It is for what a render writes, where every such version is the lane.
func RenameLane(from, to names.Names, text []byte) []byte {
	return replace(text, map[string]string{from.Lane: to.Lane})
}

// derived are the names that no other lane has, each with what the other lane has in
// its place. All longer names begin or end with one of these.
func derived(from, to names.Names) map[string]string {
	return map[string]string{
		from.RuntimeNamespace: to.RuntimeNamespace, from.Database: to.Database, from.ArgoApplication: to.ArgoApplication,
		from.GitopsBranch: to.GitopsBranch, path.Base(from.RuntimePath): path.Base(to.RuntimePath),
		path.Base(from.ArtifactCatalog): path.Base(to.ArtifactCatalog),
	}
}

// replace puts new words in the place of whole old ones.
func replace(text []byte, words map[string]string) []byte {
	type place struct {
		at  int
		old string
	}
	var found []place
	for old := range words {
		for _, at := range places(text, old) {
			found = append(found, place{at, old})
		}
	}
	slices.SortFunc(found, func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(len(b.old), len(a.old))) })
	var b bytes.Buffer
	done := 0
	for _, p := range found {
		if p.at < done {
			continue
		}
		b.Write(text[done:p.at])
		b.WriteString(words[p.old])
		done = p.at + len(p.old)
	}
	b.Write(text[done:])
	return b.Bytes()
}

// places are where a word stands whole. A hyphen before it belongs to a longer name, one
// behind it ends it.
func places(text []byte, word string) []int {
	var all []int
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 {
			return all
		}
		at := from + i
		end := at + len(word)
		version := !strings.ContainsAny(word, "-_") // v0.1.2 is none, and neither is v0.10
		before := at > 0 && (letter(text[at-1]) || text[at-1] == '-' || text[at-1] == '_' || version && text[at-1] == '.')
		behind := end < len(text) && (letter(text[end]) || version && text[end] == '.' && end+1 < len(text) && letter(text[end+1]))
		if !before && !behind {
			all = append(all, at)
		}
		from = end
	}
}

func letter(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
