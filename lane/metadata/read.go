package metadata

import (
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// Records are the documents of a branch.
type Records struct {
	Hold     *Hold    // nil when nobody holds the lane
	Hotfixes []Hotfix // sorted by name
	Problems []error  // of documents that are none
}

// Is reports whether a document of the lane stands at path, whatever is in it.
func Is(n names.Names, path string) bool { return path == HoldPath(n) || IsHotfix(n, path) }

// Read gathers the lane's documents from the files of its GitOps branch.
func Read(files map[string][]byte, n names.Names) Records {
	var r Records
	for _, path := range slices.Sorted(maps.Keys(files)) {
		var err error
		switch {
		case path == HoldPath(n):
			if r.Hold, err = ParseHold(path, files[path], n); err != nil {
				r.Hold = nil
			}
		case IsHotfix(n, path):
			var x *Hotfix
			if x, err = ParseHotfix(path, files[path], n); err == nil {
				r.Hotfixes = append(r.Hotfixes, *x)
			}
		case strings.HasPrefix(path, n.Metadata()+"/"):
			err = fail.Refuse("C3", path, "the next promotion takes it away", "it is no document of the lane")
		}
		if err != nil {
			r.Problems = append(r.Problems, err)
		}
	}
	return r
}
