package promote

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/git"
)

// TestC3_ComparisonLeadsToExactlyTheWantedContent applies what compare says to
// any head: the result has the wanted files, the carried ones as they were, and
// nothing else.
func TestC3_ComparisonLeadsToExactlyTheWantedContent(t *testing.T) {
	carried := func(path string) bool { return strings.HasPrefix(path, ".lane/") }
	paths := rapid.SampledFrom([]string{"a", "b", "b/c", "catalog", ".lane/x", ".lane/y", "z"})
	content := rapid.SliceOfN(rapid.Byte(), 0, 2)
	rapid.Check(t, func(t *rapid.T) {
		head := map[string]git.Entry{}
		for path, data := range rapid.MapOf(paths, content).Draw(t, "head") {
			mode := rapid.SampledFrom([]string{git.ModeFile, git.ModeExecutable, git.ModeSymlink}).Draw(t, "mode")
			head[path] = git.Entry{Mode: mode, Type: "blob", OID: git.BlobID(data), Path: path}
		}
		wanted := rapid.MapOf(paths.Filter(func(p string) bool { return !carried(p) }), content).Draw(t, "wanted")

		c := compare(slices.Collect(maps.Values(head)), wanted, carried)
		got := maps.Clone(head)
		for _, path := range c.Removed {
			delete(got, path)
		}
		for _, path := range slices.Concat(c.Added, c.Changed) {
			if _, there := head[path]; there != slices.Contains(c.Changed, path) {
				t.Errorf("%s is listed as the wrong kind of change", path)
			}
			got[path] = git.Entry{Mode: git.ModeFile, Type: "blob", OID: git.BlobID(wanted[path]), Path: path}
		}
		want := map[string]git.Entry{}
		for path, e := range head {
			if carried(path) && e.Mode == git.ModeFile {
				want[path] = e
			}
		}
		for path, data := range wanted {
			want[path] = git.Entry{Mode: git.ModeFile, Type: "blob", OID: git.BlobID(data), Path: path}
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if c.Empty() != maps.Equal(head, want) {
			t.Errorf("empty %v, head %v, want %v", c.Empty(), head, want)
		}
	})
}
