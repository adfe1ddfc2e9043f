package metadata

import (
	"slices"
	"strings"
)

// Covers reports whether a field of an object is in the record's scope, whether
// or not the record is live. object is kind and name, such as Deployment/api.
func (x *Hotfix) Covers(object, field string) bool {
	path, ok := segments(field)
	return ok && slices.ContainsFunc(x.Scope, func(s Scope) bool {
		return s.Object == object && slices.ContainsFunc(s.Fields, func(f string) bool {
			within, ok := segments(f)
			return ok && len(within) <= len(path) && slices.Equal(within, path[:len(within)])
		})
	})
}

func (d *document) scope(scope []Scope) {
	if len(scope) == 0 {
		d.refuse("scope", "it names no object")
	}
	for _, s := range scope {
		if !objectID.MatchString(s.Object) {
			d.refuse("scope", "%q is no object: write kind and name, such as Deployment/api", clean(s.Object))
		}
		if len(s.Fields) == 0 {
			d.refuse("scope", "%s has no fields", clean(s.Object))
		}
		for _, f := range s.Fields {
			if _, ok := segments(f); !ok {
				d.refuse("scope", "%q is no field: write a path, such as spec.replicas or spec.template.spec.containers[api].image", clean(f))
			}
		}
	}
}

// segments takes a path of a field apart: a[b].c and a.b.c are the same.
func segments(path string) ([]string, bool) {
	if !isText(path) || strings.Contains(path, "*") {
		return nil, false
	}
	var all []string
	for rest, first := path, true; rest != ""; first = false {
		var part string
		if inside, ok := strings.CutPrefix(rest, "["); ok {
			if part, rest, ok = strings.Cut(inside, "]"); !ok || first {
				return nil, false
			}
		} else {
			if !first {
				if rest, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, false
				}
			}
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			part, rest = rest[:end], rest[end:]
		}
		if part == "" {
			return nil, false
		}
		all = append(all, part)
	}
	return all, len(all) > 0
}
