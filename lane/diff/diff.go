// Package diff says what changes between two sets of Kubernetes manifests, by
// object and field, as a person asks for it.
//
// Objects takes two sides as path → content of multi-document YAML and gives one
// Object for each that is added, removed or changed; an object is known by
// apiVersion, kind, namespace and name, so it may move between files. A changed
// object lists its fields by path, such as
// spec.template.spec.containers[api].image: items of a list are told apart by
// their name where they have one, by their place where not. A manifest inside a
// ConfigMap is compared by its fields too. Each object says what its change does
// to running pods.
//
// Neither side is trusted: a file's size and nesting are bounded and aliases are
// refused. What cannot be read of the side before is a Problem beside the
// result, because the side after replaces it; on the side after it is an error.
// Files that are equal are not parsed, so the cost follows the change. The data
// of a Secret, what looks like a credential and the user part of a URL are never in
// a result (rule C4), and Text writes nothing that a
// terminal would obey. The package reads no file and knows no lane.
package diff

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Diff"
)

// Diff is what changes.
type Diff struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Objects    []Object  `json:"objects"` // by file, in the file's order
	Problems   []Problem `json:"problems,omitempty"`
}

// Change is what happens to an object or a field.
type Change string

// The changes.
const (
	Added   Change = "added"
	Removed Change = "removed"
	Changed Change = "changed"
)

// Object is one object that changes.
type Object struct {
	Change     Change  `json:"change"`
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Namespace  string  `json:"namespace,omitempty"`
	Name       string  `json:"name"`
	File       string  `json:"file"`             // where it stands, or stood
	Effect     string  `json:"effect,omitempty"` // on what runs
	Fields     []Field `json:"fields,omitempty"` // of a changed object
}

// Field is one value that changes. A list whose named items only change places
// is one Field with their names.
type Field struct {
	Path   string `json:"path"`
	Change Change `json:"change"`
	Before any    `json:"before,omitzero"`
	After  any    `json:"after,omitzero"`
}

// Problem is a file of the side before that could not be read in full; what
// could not be read counts as not there.
type Problem struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// Objects compares two sides.
func Objects(before, after map[string][]byte) (Diff, error) {
	d := Diff{APIVersion: APIVersion, Kind: Kind, Objects: []Object{}}
	old, problems := read(before, after)
	d.Problems = problems
	now, problems := read(after, before)
	if len(problems) > 0 {
		p := problems[0]
		return d, fail.Fail(p.File, "render the manifests again", "reading the new manifests: %s", p.Why)
	}
	type entry struct {
		Object
		at place
	}
	var entries []entry
	for id, n := range now {
		o, existed := old[id]
		change := compare(id, o, n, existed)
		if change.Change != "" {
			entries = append(entries, entry{change, n.place})
		}
	}
	for id, o := range old {
		if _, stays := now[id]; !stays {
			entries = append(entries, entry{compare(id, o, manifest{}, true), o.place})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.at.file, b.at.file), cmp.Compare(a.at.document, b.at.document), cmp.Compare(a.Change, b.Change), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range entries {
		d.Objects = append(d.Objects, e.Object)
	}
	return d, nil
}

// compare is the change of one object; its Change is "" when there is none.
func compare(id identity, before, after manifest, existed bool) Object {
	o := Object{APIVersion: id.apiVersion, Kind: id.kind, Namespace: id.namespace, Name: id.name, File: after.file}
	switch {
	case !existed:
		o.Change = Added
	case after.fields == nil:
		o.Change, o.File = Removed, before.file
	default:
		b, a := before.fields, after.fields
		switch id.kind {
		case "Secret":
			b, a = withoutValues(b, a)
		case "ConfigMap":
			b, a = withManifests(b, a)
		}
		if o.Fields = fields(b, a); len(o.Fields) > 0 {
			o.Change = Changed
		}
	}
	o.Effect = effect(o, before, after)
	return o
}

// Counts are the numbers of objects added, changed and removed.
func (d Diff) Counts() (added, changed, removed int) {
	for _, o := range d.Objects {
		switch o.Change {
		case Added:
			added++
		case Changed:
			changed++
		case Removed:
			removed++
		}
	}
	return added, changed, removed
}

// Encode gives the canonical bytes of the document.
func (d Diff) Encode() ([]byte, error) { return canon.Marshal(d) }

// read parses the files of one side that the other does not have as they are.
func read(side, other map[string][]byte) (map[identity]manifest, []Problem) {
	all := map[identity]manifest{}
	var problems []Problem
	for _, file := range slices.Sorted(maps.Keys(side)) {
		if content, ok := other[file]; ok && bytes.Equal(content, side[file]) {
			continue
		}
		found, err := parse(file, side[file])
		if err != nil {
			problems = append(problems, Problem{File: file, Why: fail.Clean(err.Error(), 300)})
		}
		for _, m := range found {
			id := m.identity()
			if first, twice := all[id]; twice {
				problems = append(problems, Problem{File: file, Why: fail.Clean(id.kind+" "+id.name+" stands in "+first.file+" too", 300)})
				continue
			}
			all[id] = m
		}
	}
	return all, problems
}
