package render

import (
	"bytes"
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
)

// Rendering is a tree and what its files were written from. A file that somebody else
// has byte for byte need not be read back: reading YAML takes ten times as long as
// writing it. A nil Rendering has no file.
type Rendering struct {
	Tree    Tree
	objects map[string][]object // by path
}

// written are the objects of a file, if content is what r has there.
func (r *Rendering) written(path string, content []byte) ([]object, bool) {
	if r == nil || !bytes.Equal(r.Tree[path], content) {
		return nil, false
	}
	objects, ok := r.objects[path]
	return objects, ok
}

// Objects are, by path, the objects of those files that r has byte for byte, as a
// reader of the files would have them: JSON decoded.
func (r *Rendering) Objects(files Tree) map[string][]map[string]any {
	paths := files.Paths()
	found := make([][]map[string]any, len(paths))
	parallel(len(paths), func(i int) {
		if objects, ok := r.written(paths[i], files[paths[i]]); ok {
			found[i] = decoded(objects)
		}
	})
	all := map[string][]map[string]any{}
	for i, path := range paths {
		if found[i] != nil {
			all[path] = found[i]
		}
	}
	return all
}

// decoded is what encode writes of the objects; nil when one cannot be decoded.
func decoded(objects []object) []map[string]any {
	all := make([]map[string]any, len(objects))
	for i, o := range objects {
		data, err := stdjson.Marshal(o) // by the tags of these types, as encode does
		if err != nil || json.Unmarshal(data, &all[i]) != nil {
			return nil
		}
		delete(all[i], "status")
		for key, v := range all[i] {
			if m, ok := v.(map[string]any); ok && len(m) == 0 {
				delete(all[i], key)
			}
		}
	}
	return all
}

// Check is the Check of files of which some are in r byte for byte.
func (r *Rendering) Check(files Tree, n names.Names, c *catalog.Catalog) error {
	paths, images := files.Paths(), pinned(c)
	found := make([]fail.Findings, len(paths))
	parallel(len(paths), func(i int) {
		k, content := &checker{n: n, pinned: images, file: paths[i]}, files[paths[i]]
		k.place()
		if objects, ok := r.written(paths[i], content); ok {
			k.all(objects)
		} else {
			k.read(content)
		}
		found[i] = k.findings
	})
	var all fail.Findings
	for _, f := range found {
		all = append(all, f...)
	}
	all.Sort()
	return all.Err()
}
