package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
)

func (a *app) renderCommand() *cobra.Command {
	var catalogFile, commit, out, compare string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "render --catalog FILE",
		Short: "Turn intent and catalog into manifests",
		Long: `render turns the intent of the catalog's commit and the catalog into manifests.
It asks nothing and nobody: the same two always give the same bytes.

Without --out and --check the manifests go to standard output. --out writes
them as files below a folder, exactly those; --check compares them with a folder
and exits with 3 when they differ, writing nothing. --dry-run needs no catalog: it
shows that a commit's intent can be rendered, with a stand-in for each image.`,
		Example: `  lane render --catalog catalog.json
  lane render --dry-run --commit HEAD
  lane render --catalog catalog.json --out /tmp/manifests
  lane render --catalog catalog.json --check /tmp/manifests`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				if catalogFile != "" || out != "" || compare != "" {
					return usageError("--dry-run goes with --commit alone")
				}
				return a.wouldRender(cmd.Context(), cmp.Or(commit, "HEAD"))
			}
			if catalogFile == "" {
				return usageError("--catalog is needed: the file with the lane's catalog")
			}
			src, c, err := a.released(cmd.Context(), catalogFile, commit)
			if err != nil {
				return err
			}
			tree, err := render.Render(src.intent, src.names, c)
			if err != nil {
				return err
			}
			for _, n := range render.Notes(src.intent) {
				a.note("note: %s", n)
			}
			switch {
			case out != "" && compare != "":
				return usageError("--out and --check exclude each other")
			case out != "":
				if err := a.writeTree(out, tree); err != nil || !a.json() {
					return err
				}
			case compare != "":
				return a.compareTree(compare, tree)
			}
			return a.emit(treeDocument{headerOf("Manifests"), tree.Digest(), stringsOf(tree)}, func(w io.Writer) {
				for i, path := range tree.Paths() {
					if i > 0 {
						fmt.Fprintln(w, "---")
					}
					fmt.Fprintf(w, "# %s\n%s", path, tree[path])
				}
			})
		},
	}
	cmd.Flags().StringVar(&catalogFile, "catalog", "", "the lane's catalog `file`")
	cmd.Flags().StringVar(&commit, "commit", "", "another `commit` whose intent is rendered (default: the catalog's)")
	cmd.Flags().StringVar(&out, "out", "", "write the manifests below this `dir`ectory")
	cmd.Flags().StringVar(&compare, "check", "", "compare the manifests with this `dir`ectory")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "render with a stand-in for each image, and write nothing")
	return cmd
}

// wouldRender shows that the intent of rev can be rendered, and that what comes
// out is the lane's alone.
func (a *app) wouldRender(ctx context.Context, rev string) error {
	src, err := a.source(ctx, rev, "")
	if err != nil {
		return err
	}
	digest, err := src.intent.Digest()
	if err != nil {
		return err
	}
	c := catalog.Empty(src.names, src.commit, digest)
	for _, s := range src.intent.EnabledServices() {
		c.Services = append(c.Services, catalog.Service{
			ServiceID: s.ID, Status: catalog.Published, SourceCommitID: src.commit, ComponentIdentity: unbuilt,
			Image: catalog.Image{Repository: src.names.Repository(s.ID), Tag: src.commit, Digest: unbuilt, MediaType: publish.MediaType},
		})
	}
	slices.SortFunc(c.Services, func(a, b catalog.Service) int { return cmp.Compare(a.ServiceID, b.ServiceID) })
	tree, err := render.Render(src.intent, src.names, c)
	if err != nil {
		return err
	}
	if err := render.Check(tree, src.names, c); err != nil {
		return err
	}
	for _, n := range render.Notes(src.intent) {
		a.note("note: %s", n)
	}
	return a.emit(treeDocument{headerOf("Manifests"), tree.Digest(), stringsOf(tree)}, func(w io.Writer) {
		fmt.Fprintf(w, "the intent of %.12s renders to %d files\n", src.commit, len(tree))
	})
}

// treeDocument is what `lane render -o json` prints.
type treeDocument struct {
	header
	RenderDigest string            `json:"renderDigest"`
	Files        map[string]string `json:"files"`
}

func stringsOf(t render.Tree) map[string]string {
	files := make(map[string]string, len(t))
	for path, data := range t {
		files[path] = string(data)
	}
	return files
}

// released reads a catalog and the source commit that it is of, or rev when that
// is given.
func (a *app) released(ctx context.Context, catalogFile, rev string) (*source, *catalog.Catalog, error) {
	data, err := readFile(catalogFile)
	if err != nil {
		return nil, nil, err
	}
	// The catalog's lane is checked against the intent, and which intent that is
	// stands in the catalog: the commit is read first, and trusted only for that.
	if rev == "" {
		if rev, err = catalog.SourceCommit(catalogFile, data); err != nil {
			return nil, nil, err
		}
	}
	src, err := a.source(ctx, rev, "")
	if err != nil {
		return nil, nil, err
	}
	c, err := catalog.Parse(catalogFile, data, src.names)
	return src, c, err
}

// writeTree makes dir hold the tree's files. Files that are already there with
// other content are replaced; a folder with other files is refused, because they
// would pass for rendered ones.
func (a *app) writeTree(dir string, tree render.Tree) error {
	there, err := filesBelow(dir)
	if err != nil {
		return err
	}
	for _, path := range there {
		if _, ok := tree[path]; !ok {
			return fail.Fail(filepath.Join(dir, path), "choose an empty folder", "writing the manifests: the folder holds a file that is not one of them")
		}
	}
	for _, path := range tree.Paths() {
		name := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fail.Fail(name, "choose a folder that can be written", "writing the manifests: %w", cause(err))
		}
		if err := writeFile(name, tree[path]); err != nil {
			return err
		}
	}
	a.note("%d files written below %s", len(tree), dir)
	return nil
}

// compareTree reports every file that is missing, left over or different in dir.
func (a *app) compareTree(dir string, tree render.Tree) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usageError("--check %s: not a folder", dir)
	}
	there, err := filesBelow(dir)
	if err != nil {
		return err
	}
	changes := []fileChange{}
	for _, path := range there {
		want, ok := tree[path]
		if !ok {
			changes = append(changes, fileChange{path, "left over"})
			continue
		}
		got, err := readFile(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			changes = append(changes, fileChange{path, "different"})
		}
	}
	for _, path := range tree.Paths() {
		if !slices.Contains(there, path) {
			changes = append(changes, fileChange{path, "missing"})
		}
	}
	err = a.emit(comparisonDocument{headerOf("Comparison"), changes}, func(w io.Writer) {
		for _, c := range changes {
			fmt.Fprintf(w, "%-10s %s\n", c.Change, c.Path)
		}
	})
	if err != nil || len(changes) == 0 {
		return err
	}
	return &fail.Error{
		Code: fail.Differs, Where: dir, Hint: "write them again with lane render --out",
		Err: fmt.Errorf("%d of %d files are not as rendered", len(changes), len(tree)),
	}
}

// comparisonDocument is what `lane render --check -o json` prints.
type comparisonDocument struct {
	header
	Files []fileChange `json:"files"`
}

type fileChange struct {
	Path   string `json:"path"`
	Change string `json:"change"` // missing, left over or different
}

// filesBelow lists the files below dir, slash separated and sorted; none when
// there is no such folder.
func filesBelow(dir string) ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fail.Fail(dir, "choose a folder that can be read", "listing the folder: %w", cause(err))
	}
	return files, nil
}
