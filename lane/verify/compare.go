package verify

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Difference is one field that is live another than it is wanted.
type Difference struct {
	Path   string
	Wanted any // nil when nothing is wanted there
	Live   any // nil when nothing is there
}

// Differences are the fields that wanted speaks of and live does not have so. What
// only live has is the cluster's to add (defaults, status, the marks of Argo CD),
// but for items of lists and keys of a ConfigMap, which nobody adds by default.
// Quantities are compared as quantities, named items of lists by their names.
func Differences(wanted, live Object) []Difference {
	c := &comparison{}
	c.maps("", wanted, live, "apiVersion", "kind", "status")
	for _, part := range []string{"data", "binaryData"} {
		have := live.Map(part)
		for key := range have {
			if _, ok := wanted.Map(part)[key]; !ok && wanted.Kind() == "ConfigMap" {
				c.add(part+"["+key+"]", nil, have[key])
			}
		}
	}
	slices.SortStableFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return c.found
}

type comparison struct{ found []Difference }

func (c *comparison) add(path string, wanted, live any) {
	c.found = append(c.found, Difference{path, wanted, live})
}

func (c *comparison) maps(path string, wanted, live map[string]any, without ...string) {
	for key, value := range wanted { // sorting is for what differs, which is little or nothing
		if slices.Contains(without, key) {
			continue
		}
		at := key
		switch {
		case path != "" && strings.ContainsAny(key, "./"):
			at = path + "[" + key + "]"
		case path != "":
			at = path + "." + key
		}
		c.values(at, value, live[key])
	}
}

func (c *comparison) values(path string, wanted, live any) {
	if live == nil && empty(wanted) {
		return
	}
	switch w := wanted.(type) {
	case map[string]any:
		if l, ok := live.(map[string]any); ok {
			c.maps(path, w, l)
			return
		}
	case []any:
		if l, ok := live.([]any); ok {
			c.lists(path, w, l)
			return
		}
	}
	if !sameScalar(path, wanted, live) {
		c.add(path, wanted, live)
	}
}

func (c *comparison) lists(path string, wanted, live []any) {
	for _, key := range []string{"name", "mountPath", "key"} {
		w, ok := byName(wanted, key)
		l, ok2 := byName(live, key)
		if !ok || !ok2 {
			continue
		}
		for name, value := range w {
			c.values(path+"["+name+"]", value, l[name])
		}
		for name, value := range l {
			if _, ok := w[name]; !ok {
				c.add(path+"["+name+"]", nil, value)
			}
		}
		return
	}
	for i := range max(len(wanted), len(live)) {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(live):
			c.add(at, wanted[i], nil)
		case i >= len(wanted):
			c.add(at, nil, live[i])
		default:
			c.values(at, wanted[i], live[i])
		}
	}
}

// byName are the items of a list by the value of key, if each has one of its own.
func byName(list []any, key string) (map[string]any, bool) {
	items := map[string]any{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		name, ok := m[key].(string)
		if _, twice := items[name]; !ok || twice {
			return nil, false
		}
		items[name] = v
	}
	return items, len(items) > 0
}

// empty reports whether the API may leave a value out.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return !slices.ContainsFunc(slices.Collect(maps.Values(v)), func(v any) bool { return !empty(v) })
	case []any:
		return len(v) == 0
	}
	n, isNumber := number(v)
	return v == "" || v == false || isNumber && n == 0
}

func sameScalar(path string, wanted, live any) bool {
	if w, ok := number(wanted); ok {
		if l, ok := number(live); ok {
			return w == l
		}
	}
	if reflect.DeepEqual(wanted, live) {
		return true
	}
	if strings.Contains(strings.ToLower(path), "timeout") {
		w, err := time.ParseDuration(fmt.Sprint(wanted)) // Tekton writes 15m as 15m0s
		l, err2 := time.ParseDuration(fmt.Sprint(live))
		return err == nil && err2 == nil && w == l
	}
	if !isQuantity(path) {
		return false
	}
	w, err := resource.ParseQuantity(fmt.Sprint(wanted))
	l, err2 := resource.ParseQuantity(fmt.Sprint(live))
	return err == nil && err2 == nil && w.Cmp(l) == 0
}

// isQuantity reports whether quantities stand at a path.
func isQuantity(path string) bool {
	for _, mark := range []string{".requests.", ".limits.", ".requests[", ".limits["} {
		if strings.Contains(path, mark) {
			return true
		}
	}
	return strings.HasSuffix(path, ".sizeLimit") || strings.HasSuffix(path, ".divisor")
}
