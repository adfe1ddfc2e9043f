package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
)

// maxReasons bounds the list; --explain prints everything.
const maxReasons = 8

// words says changes for people, most important first: what lies under the
// whole build, then modules, then files.
func words(changes []canon.Change, dockerfile string) []string {
	type reason struct {
		rank int
		text string
	}
	var all []reason
	for _, c := range joinModules(changes) {
		rank, text := phrase(c, dockerfile)
		all = append(all, reason{rank, text})
	}
	slices.SortStableFunc(all, func(a, b reason) int { return cmp.Compare(a.rank, b.rank) })
	var out []string
	for i, r := range all {
		if i == maxReasons-1 && len(all) > maxReasons {
			out = append(out, fmt.Sprintf("and %d more changes", len(all)-i))
			break
		}
		out = append(out, r.text)
	}
	return out
}

func phrase(c canon.Change, dockerfile string) (rank int, text string) {
	kind, name, _ := strings.Cut(c.Name, " ")
	switch {
	case kind == "file", kind == "copy":
		return 4, name + " " + happened(c)
	case kind == "module":
		return 3, "module " + name + " " + arrow(c)
	case c.Name == "dockerfile":
		return 2, dockerfile + " " + happened(c)
	case kind == "base":
		return 1, "base image " + name + " " + arrow(canon.Change{Before: digest(c.Before), After: digest(c.After)})
	case kind == "archive":
		return 1, "archive " + name + " " + archiveChange(c)
	case kind == "go.mod":
		return 2, "go.mod: " + name + " " + arrow(c)
	}
	return 0, c.Name + " " + arrow(c)
}

func happened(c canon.Change) string {
	switch {
	case c.Before == "":
		return "added"
	case c.After == "":
		return "removed"
	}
	return "changed"
}

func arrow(c canon.Change) string {
	switch {
	case c.Before == "":
		return "added: " + c.After
	case c.After == "":
		return "removed"
	}
	return c.Before + " → " + c.After
}

// digest shortens the digest of a pinned reference.
func digest(reference string) string {
	name, hex, ok := strings.Cut(reference, "@sha256:")
	if !ok {
		return reference
	}
	return name + "@sha256:" + hex[:min(12, len(hex))] + "…"
}

// archiveChange says of an archive's bytes, or that other files of it are taken.
func archiveChange(c canon.Change) string {
	before, _, _ := strings.Cut(c.Before, " ")
	after, _, _ := strings.Cut(c.After, " ")
	if before == after {
		return "is taken apart in another way"
	}
	return arrow(canon.Change{Before: strings.TrimPrefix(digest("@"+before), "@"), After: strings.TrimPrefix(digest("@"+after), "@")})
}

// joinModules makes one change of a module that left in one version and came in
// another; a module's version is part of its input's name.
func joinModules(changes []canon.Change) []canon.Change {
	came := map[string]string{}
	for _, c := range changes {
		if path, version, ok := moduleName(c.Name); ok && c.Before == "" {
			came[path] = version
		}
	}
	var out []canon.Change
	gone := map[string]bool{}
	for _, c := range changes {
		path, version, ok := moduleName(c.Name)
		switch {
		case !ok:
			out = append(out, c)
		case c.After == "" && came[path] != "":
			gone[path] = true
			out = append(out, canon.Change{Name: "module " + path, Before: version, After: came[path]})
		default:
			out = append(out, c)
		}
	}
	return slices.DeleteFunc(out, func(c canon.Change) bool {
		path, _, ok := moduleName(c.Name)
		return ok && c.Before == "" && gone[path]
	})
}

func moduleName(input string) (path, version string, ok bool) {
	rest, ok := strings.CutPrefix(input, "module ")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "@")
}
