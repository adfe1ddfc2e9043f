package verify

import (
	"slices"
	"strings"
	"time"
)

// Object is a Kubernetes object as the API gives it: maps, lists, strings,
// numbers, booleans and nil.
type Object map[string]any

// At is what stands at a path of members, or nil.
func (o Object) At(path ...string) any {
	var v any = map[string]any(o)
	for _, key := range path {
		v = members(v)[key]
	}
	return v
}

// members are those of an object, or none.
func members(v any) map[string]any {
	switch m := v.(type) {
	case map[string]any:
		return m
	case Object:
		return m
	}
	return nil
}

// Text is the string at a path, or "".
func (o Object) Text(path ...string) string {
	s, _ := o.At(path...).(string)
	return s
}

// Number is the whole number at a path; absent is 0, as in the API.
func (o Object) Number(path ...string) int64 {
	n, _ := number(o.At(path...))
	return int64(n)
}

// Flag is the boolean at a path.
func (o Object) Flag(path ...string) bool {
	b, _ := o.At(path...).(bool)
	return b
}

// Map is the object at a path, or nil.
func (o Object) Map(path ...string) Object {
	return members(o.At(path...))
}

// Items are the objects in the list at a path.
func (o Object) Items(path ...string) []Object {
	list, _ := o.At(path...).([]any)
	var items []Object
	for _, v := range list {
		if m := members(v); m != nil {
			items = append(items, m)
		}
	}
	return items
}

// Texts are the strings in the list at a path.
func (o Object) Texts(path ...string) []string {
	list, _ := o.At(path...).([]any)
	var texts []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// Kind, Name, Namespace and UID are what they are called in the API.
func (o Object) Kind() string      { return o.Text("kind") }
func (o Object) Name() string      { return o.Text("metadata", "name") }
func (o Object) Namespace() string { return o.Text("metadata", "namespace") }
func (o Object) UID() string       { return o.Text("metadata", "uid") }

// Group is the API group, "" for the core.
func (o Object) Group() string {
	group, _, ok := strings.Cut(o.Text("apiVersion"), "/")
	if !ok {
		return ""
	}
	return group
}

// Label is the value of a label, or "".
func (o Object) Label(key string) string { return o.Text("metadata", "labels", key) }

// ID is how the object is named in a verdict.
func (o Object) ID() string { return o.Kind() + " " + o.Name() }

// identity tells objects of a namespace apart.
func (o Object) identity() string { return o.Group() + "/" + o.Kind() + "/" + o.Name() }

// Controller is the reference to the owner that controls the object; its name
// stands at "name".
func (o Object) Controller() (owner Object, ok bool) {
	owners := o.Items("metadata", "ownerReferences")
	i := slices.IndexFunc(owners, func(r Object) bool { return r.Flag("controller") })
	if i < 0 {
		return nil, false
	}
	return owners[i], true
}

// Deleting reports whether the object is on its way out.
func (o Object) Deleting() bool { return o.Text("metadata", "deletionTimestamp") != "" }

// Condition is a condition of the status by its type.
func (o Object) Condition(kind string) (c Object, ok bool) {
	all := o.Items("status", "conditions")
	i := slices.IndexFunc(all, func(c Object) bool { return c.Text("type") == kind })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// Created is when the object was made.
func (o Object) Created() time.Time {
	t, _ := time.Parse(time.RFC3339, o.Text("metadata", "creationTimestamp"))
	return t
}

// number is a JSON number, whichever way it was decoded.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	}
	return 0, false
}
