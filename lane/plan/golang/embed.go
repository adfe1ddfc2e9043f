package golang

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// embedded are the files that the //go:embed patterns of the package in dir
// take in, sorted by path, by the go command's rules: folders without what is
// hidden (unless the pattern begins with all:), never across the border of a
// module, no links, and no pattern without a match.
func embedded(t *tree.Tree, dir string, patterns []string) ([]git.Entry, error) {
	var files []git.Entry
	for _, pattern := range patterns {
		glob, all := strings.CutPrefix(pattern, "all:")
		if _, err := path.Match(glob, ""); err != nil || glob == "." || !fs.ValidPath(glob) {
			return nil, embedError(dir, pattern, "it is not a valid pattern")
		}
		matches, err := expand(t, dir, pattern, strings.Split(glob, "/"))
		if err != nil {
			return nil, err
		}
		found := 0
		for _, m := range matches {
			list, err := take(t, dir, pattern, m, all)
			if err != nil {
				return nil, err
			}
			found += len(list)
			files = append(files, list...)
		}
		if found == 0 {
			return nil, embedError(dir, pattern, "it matches no file")
		}
	}
	byPath := func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(files, byPath)
	return slices.CompactFunc(files, func(a, b git.Entry) bool { return a.Path == b.Path }), nil
}

func embedError(dir, pattern, why string) error {
	return fail.Fail(dir, "commit what it should embed, or mend the pattern", "//go:embed %s: %s", pattern, why)
}

// expand finds the paths below dir that match the elements of a glob.
func expand(t *tree.Tree, dir, pattern string, elems []string) ([]string, error) {
	elem, rest := elems[0], elems[1:]
	var found []string
	for child := range t.Children(dir) {
		if ok, _ := path.Match(elem, child.Name); !ok {
			continue
		}
		at := path.Join(dir, child.Name)
		switch {
		case len(rest) == 0:
			found = append(found, at)
		case child.IsDir:
			deeper, err := expand(t, at, pattern, rest)
			if err != nil {
				return nil, err
			}
			found = append(found, deeper...)
		case child.Entry.Mode == git.ModeSymlink:
			return nil, embedError(dir, pattern, "it goes through the symbolic link "+at)
		}
	}
	return found, nil
}

// take is what one match of a pattern contributes: the file itself, or what is
// in the folder.
func take(t *tree.Tree, dir, pattern, match string, all bool) ([]git.Entry, error) {
	for at := match; at != dir; at = path.Dir(at) {
		if t.IsFile(path.Join(at, "go.mod")) {
			return nil, embedError(dir, pattern, match+" is in another module")
		}
		if isBadEmbedName(path.Base(at)) {
			return nil, embedError(dir, pattern, match+" has a name that a module cannot hold")
		}
	}
	if e, ok := t.Entry(match); ok && e.Mode != git.ModeSubmodule {
		if !t.IsFile(match) {
			return nil, embedError(dir, pattern, match+" is not a regular file")
		}
		return []git.Entry{e}, nil
	}
	files, err := descend(t, dir, pattern, match, all)
	if err == nil && len(files) == 0 {
		err = embedError(dir, pattern, "the folder "+match+" holds nothing that can be embedded")
	}
	return files, err
}

// descend gathers the regular files in the folder at, at any depth.
func descend(t *tree.Tree, dir, pattern, at string, all bool) ([]git.Entry, error) {
	var files []git.Entry
	for child := range t.Children(at) {
		p := path.Join(at, child.Name)
		hidden := child.Name[0] == '.' || child.Name[0] == '_'
		bad := isBadEmbedName(child.Name)
		switch {
		case hidden && (bad || !all), child.IsDir && bad:
			continue
		case bad:
			return nil, embedError(dir, pattern, p+" has a name that a module cannot hold")
		case child.IsDir && t.IsFile(path.Join(p, "go.mod")):
			continue
		case child.IsDir:
			deeper, err := descend(t, dir, pattern, p, all)
			if err != nil {
				return nil, err
			}
			files = append(files, deeper...)
		case t.IsFile(p):
			files = append(files, child.Entry)
		}
	}
	return files, nil
}

// isBadEmbedName reports whether no module could hold a file of this name.
func isBadEmbedName(name string) bool {
	switch name {
	case "", ".bzr", ".hg", ".git", ".svn":
		return true
	}
	return module.CheckFilePath(name) != nil
}
