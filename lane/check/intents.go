package check

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
)

// intents are the tree's projects: the one at the top, and those in folders with
// a deploy/deploy.json of their own, such as examples.
type intents struct {
	top      *owner
	byFolder map[string]*owner
	findings fail.Findings // of the top's document
}

// readIntents reads every deploy/deploy.json. Only the top's is judged; what
// another says is between it and its own check.
func readIntents(t *tree) (*intents, error) {
	all := &intents{top: new(owner), byFolder: map[string]*owner{}}
	for _, e := range t.entries {
		folder, ok := folderOf(e.Path)
		if !ok || e.Type != "blob" || e.Mode == git.ModeSymlink {
			continue
		}
		data, err := t.read(e)
		if _, tooLarge := asTooLarge(err); tooLarge {
			continue // files speaks of it
		}
		if err != nil {
			return nil, err
		}
		in, err := intent.Parse(e.Path, data)
		o := newOwner(in, data)
		if folder != "." {
			all.byFolder[folder] = o
			continue
		}
		all.top = o
		if err != nil {
			fs, ok := err.(fail.Findings)
			if !ok {
				return nil, err
			}
			all.findings = append(all.findings, fs...)
			continue
		}
		builds, err := builds(t, in, data)
		if err != nil {
			return nil, err
		}
		all.findings = append(all.findings, builds...)
	}
	if _, ok := t.byPath[intent.Path]; !ok {
		all.findings = append(all.findings, fail.Finding{
			Rule: "D1", File: intent.Path, Why: "the file is missing: nothing says what the lane runs",
			Hint: "write it; `lane schema intent` describes it",
		})
	}
	return all, nil
}

// folderOf is the project folder that a path is the intent of.
func folderOf(p string) (string, bool) {
	if p == intent.Path {
		return ".", true
	}
	return strings.CutSuffix(p, "/"+intent.Path)
}

// folder is that of the innermost project that a file stands in, "." for the
// repository's own.
func (all *intents) folder(file string) string {
	dir := path.Dir(file)
	for dir != "." && all.byFolder[dir] == nil {
		dir = path.Dir(dir)
	}
	return dir
}

// of is the project that a file belongs to.
func (all *intents) of(file string) *owner {
	if o, ok := all.byFolder[all.folder(file)]; ok {
		return o
	}
	return all.top
}

// builds finds what a build reads and the commit does not hold (rule D1).
func builds(t *tree, in *intent.Intent, data []byte) (fail.Findings, error) {
	var found fail.Findings
	add := func(pointer, hint, why string, args ...any) {
		offset, _ := canon.Offset(data, pointer)
		line, column := canon.Position(data, offset)
		found = append(found, fail.Finding{Rule: "D1", File: intent.Path, Line: line, Column: column, Pointer: pointer, Why: fmt.Sprintf(why, args...), Hint: hint})
	}
	paths := slices.Sorted(maps.Keys(t.byPath))
	goFolders := map[string]bool{}
	for _, p := range paths {
		if strings.HasSuffix(p, ".go") {
			goFolders[path.Dir(p)] = true
		}
	}
	for i, s := range in.Services {
		at := fmt.Sprintf("/services/%d/build/", i)
		if s.Build.Go != "" && !goFolders[path.Clean(s.Build.Go)] {
			add(at+"go", "name the folder of a main package", "the folder %q holds no Go files", s.Build.Go)
		}
		if f := s.Build.Dockerfile; f != "" {
			if _, ok := t.byPath[f]; !ok {
				add(at+"dockerfile", "commit the file, or name another", "the file %q is not in the commit", f)
			}
		}
		for k, glob := range s.Build.Inputs {
			if !slices.ContainsFunc(paths, func(p string) bool { return doublestar.MatchUnvalidated(glob, p) }) {
				add(fmt.Sprintf("%sinputs/%d", at, k), "commit the files, or remove the glob", "no file of the commit matches %q", glob)
			}
		}
	}
	if schema := in.Schema; schema != "" && !strings.Contains(schema, "://") {
		e, ok := t.byPath[path.Join(path.Dir(intent.Path), schema)]
		if !ok {
			add("/$schema", "commit it: `lane schema intent > deploy/deploy.schema.json`", "the schema %q is not in the commit", schema)
			return found, nil
		}
		content, err := t.read(e)
		if err != nil {
			return nil, err
		}
		if string(content) != string(intent.Schema()) {
			found = append(found, fail.Finding{
				Rule: "D2", File: e.Path, Why: "it is not the schema by which this lane reads the intent",
				Hint: "write it again: `lane schema intent > deploy/deploy.schema.json`",
			})
		}
	}
	return found, nil
}
