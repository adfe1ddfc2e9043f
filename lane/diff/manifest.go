package diff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file that nobody trusts, far above what a manifest needs.
const (
	maxBytes = 16 << 20
	maxDepth = 64
)

// identity is what makes two manifests the same object.
type identity struct{ apiVersion, kind, namespace, name string }

// place is where a manifest stands.
type place struct {
	file     string
	document int // from 0
}

// manifest is one object: maps, lists, strings, integers, floats, booleans and nil.
type manifest struct {
	place
	fields map[string]any
}

func (m manifest) identity() identity {
	text := func(in map[string]any, key string) string {
		s, _ := in[key].(string)
		return s
	}
	metadata, _ := m.fields["metadata"].(map[string]any)
	return identity{text(m.fields, "apiVersion"), text(m.fields, "kind"), text(metadata, "namespace"), text(metadata, "name")}
}

// parse reads the objects of a file. With an error come those before it.
func parse(file string, content []byte) ([]manifest, error) {
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%d bytes, the limit is %d", len(content), maxBytes)
	}
	var found []manifest
	dec := yaml.NewDecoder(bytes.NewReader(content))
	for i := 0; ; i++ {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("document %d: %w", i+1, err)
		}
		v, err := value(&node, 0)
		if err != nil {
			return found, fmt.Errorf("document %d: %w", i+1, err)
		}
		if v == nil {
			continue // nothing between two separators
		}
		m := manifest{place: place{file, i}}
		m.fields, _ = v.(map[string]any)
		if m.identity().kind == "" {
			return found, fmt.Errorf("document %d is no Kubernetes object: it has no kind", i+1)
		}
		found = append(found, m)
	}
}

// value is what a node says. Nothing but plain data is taken: no alias, no key
// that is not a string, no key twice.
func value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested deeper than %d", n.Line, maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return value(n.Content[0], depth)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: a key that is not a string", key.Line)
			}
			if _, twice := m[key.Value]; twice {
				return nil, fmt.Errorf("line %d: the key %q stands twice", key.Line, key.Value)
			}
			v, err := value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: an alias", n.Line)
	}
	return scalar(n), nil
}

// scalar is a plain value; what is no number, boolean or null is its text.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		if b, err := strconv.ParseBool(n.Value); err == nil {
			return b
		}
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return i
		}
	}
	return n.Value
}
