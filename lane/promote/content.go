package promote

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
)

// Changes are the paths that differ between the head and the wanted content,
// each list sorted.
type Changes struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
}

// Empty reports whether nothing differs.
func (c Changes) Empty() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// compare says what turns the files of a head into the wanted ones. Files that
// carried says yes to stay as they are.
func compare(head []git.Entry, wanted map[string][]byte, carried func(path string) bool) Changes {
	c := Changes{Added: []string{}, Changed: []string{}, Removed: []string{}}
	there := make(map[string]bool, len(head))
	for _, e := range head {
		if carried(e.Path) && e.Mode == git.ModeFile {
			continue // a link or a program there was put by a hand
		}
		there[e.Path] = true
		data, ok := wanted[e.Path]
		switch {
		case !ok:
			c.Removed = append(c.Removed, e.Path)
		case e.Mode != git.ModeFile || e.OID != git.BlobID(data):
			c.Changed = append(c.Changed, e.Path)
		}
	}
	for p := range wanted {
		if !there[p] {
			c.Added = append(c.Added, p)
		}
	}
	slices.Sort(c.Added)
	slices.Sort(c.Changed)
	slices.Sort(c.Removed)
	return c
}

// admit checks that files are what a lane's branch may hold at a source commit,
// and gives their catalog.
func (b Branch) admit(files map[string][]byte, commit string) (*catalog.Catalog, error) {
	const hint = "this is a defect of lane: report it"
	data, ok := files[b.Names.ArtifactCatalog]
	if !ok {
		return nil, fail.Refuse("C5", b.Names.ArtifactCatalog, hint, "the wanted content has no catalog")
	}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if p != b.Names.ArtifactCatalog && !strings.HasPrefix(p, b.Names.RuntimePath+"/") || path.Clean(p) != p {
			return nil, fail.Refuse("D4", p, hint, "a release writes its catalog and below %s, nothing else", b.Names.RuntimePath)
		}
		if strings.HasPrefix(p+"/", b.Names.Metadata()+"/") {
			return nil, fail.Refuse("C3", p, hint, "a release carries the lane's metadata and does not write it")
		}
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if _, ok := files[dir]; ok {
				return nil, fail.Refuse("C3", dir, hint, "it is wanted as a file and as a folder")
			}
		}
	}
	c, err := catalog.Parse(b.Names.ArtifactCatalog, data, b.Names)
	if err == nil && c.SourceCommitID != commit {
		return nil, fail.Refuse("F4", b.Names.ArtifactCatalog, "promote the commit that was planned",
			"the catalog is of commit %.12s, not of %.12s", c.SourceCommitID, commit)
	}
	return c, err
}
