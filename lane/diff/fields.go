package diff

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// fields are the values that differ between two objects, sorted by path within
// each level.
func fields(before, after map[string]any) []Field {
	c := new(comparison)
	c.maps("", before, after)
	return c.found
}

type comparison struct{ found []Field }

func (c *comparison) add(path string, change Change, before, after any) {
	b, a := told(path, before), told(path, after)
	if s, text := b.(string); text && change == Changed && b == a {
		b = s + another
	}
	c.found = append(c.found, Field{Path: path, Change: change, Before: b, After: a})
}

func (c *comparison) values(path string, before, after any) {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			c.maps(path, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			c.lists(path, b, a)
			return
		}
	}
	if !reflect.DeepEqual(before, after) {
		c.add(path, Changed, before, after)
	}
}

func (c *comparison) maps(path string, before, after map[string]any) {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		b, was := before[key]
		a, is := after[key]
		c.pair(member(path, key), b, was, a, is)
	}
}

// pair compares one place of both sides, where either may have nothing.
func (c *comparison) pair(path string, before any, was bool, after any, is bool) {
	switch {
	case !was:
		c.add(path, Added, nil, after)
	case !is:
		c.add(path, Removed, before, nil)
	default:
		c.values(path, before, after)
	}
}

func (c *comparison) lists(path string, before, after []any) {
	for _, key := range itemKeys {
		b, beforeOK := named(before, key)
		a, afterOK := named(after, key)
		if beforeOK && afterOK {
			c.namedLists(path, b, a)
			return
		}
	}
	c.plainLists(path, before, after)
}

// itemKeys are the fields that name the items of a list, best first.
var itemKeys = [...]string{"name", "serviceId", "id", "mountPath", "key"}

// item is a list's item and its name.
type item struct {
	name  string
	value any
}

// named are a list's items by name, or false if one has none or two have the same.
func named(list []any, key string) ([]item, bool) {
	items := make([]item, 0, len(list))
	seen := map[string]bool{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		name, ok := m[key].(string)
		if !ok || seen[name] {
			return nil, false
		}
		seen[name] = true
		items = append(items, item{name, v})
	}
	return items, true
}

func (c *comparison) namedLists(path string, before, after []item) {
	old := map[string]any{}
	for _, it := range before {
		old[it.name] = it.value
	}
	stay := map[string]bool{}
	for _, it := range after {
		b, was := old[it.name]
		stay[it.name] = was
		c.pair(path+"["+label(it.name)+"]", b, was, it.value, true)
	}
	for _, it := range before {
		if !stay[it.name] {
			c.pair(path+"["+label(it.name)+"]", it.value, true, nil, false)
		}
	}
	order := func(items []item) []any {
		names := []any{}
		for _, it := range items {
			if stay[it.name] {
				names = append(names, it.name)
			}
		}
		return names
	}
	if b, a := order(before), order(after); !reflect.DeepEqual(b, a) {
		c.add(path, Changed, b, a)
	}
}

// plainLists compares what is left between the equal items at both ends, so that
// one item more or less is one change.
func (c *comparison) plainLists(path string, before, after []any) {
	start := 0
	for start < min(len(before), len(after)) && reflect.DeepEqual(before[start], after[start]) {
		start++
	}
	end := 0
	for end < min(len(before), len(after))-start && reflect.DeepEqual(before[len(before)-1-end], after[len(after)-1-end]) {
		end++
	}
	b, a := before[start:len(before)-end], after[start:len(after)-end]
	at := func(list []any, i int) (any, bool) {
		if i < len(list) {
			return list[i], true
		}
		return nil, false
	}
	for i := range max(len(b), len(a)) {
		vb, was := at(b, i)
		va, is := at(a, i)
		c.pair(path+"["+strconv.Itoa(start+i)+"]", vb, was, va, is)
	}
}

// member is the path of a map's member.
func member(path, key string) string {
	simple := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	}) < 0
	switch {
	case !simple:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// label is a name within brackets.
func label(name string) string {
	if name == "" || strings.ContainsAny(name, `[]" `) || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(name)
	}
	return name
}

// within reports whether one of the fields is at path or below it.
func within(fs []Field, path string) bool {
	return slices.ContainsFunc(fs, func(f Field) bool {
		rest, ok := strings.CutPrefix(f.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
