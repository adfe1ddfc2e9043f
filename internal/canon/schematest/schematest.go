// Package schematest holds a JSON Schema against the Go type it describes, in
// tests: neither may know a field that the other does not.
package schematest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node is what the comparison needs of a schema.
type node struct {
	Ref                  string           `json:"$ref"`
	Title                string           `json:"title"`
	Description          string           `json:"description"`
	Type                 string           `json:"type"`
	Properties           map[string]*node `json:"properties"`
	Required             []string         `json:"required"`
	AdditionalProperties json.RawMessage  `json:"additionalProperties"`
	Items                *node            `json:"items"`
	Defs                 map[string]*node `json:"$defs"`
}

// Compile is the schema, ready to validate.
func Compile(t testing.TB, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Valid validates a document.
func Valid(t testing.TB, s *jsonschema.Schema, doc []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// SameFields compares the schema's objects with the type of v, all the way down:
// their fields, which of them are required (those without omitempty or
// omitzero), that nothing else is allowed, and that each is described.
func SameFields(t *testing.T, schema []byte, v any) {
	t.Helper()
	var root node
	if err := json.Unmarshal(schema, &root); err != nil {
		t.Fatal(err)
	}
	c := comparison{t: t, defs: root.Defs, seen: map[reflect.Type]bool{}}
	c.compare("", &root, reflect.TypeOf(v))
}

type comparison struct {
	t    *testing.T
	defs map[string]*node
	seen map[reflect.Type]bool
}

func (c *comparison) compare(at string, n *node, typ reflect.Type) {
	described := n.Description != ""
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		if n = c.defs[name]; n == nil {
			c.t.Fatalf("%s: no definition %q", at, name)
		}
		described = described || n.Description != ""
	}
	if !described && !strings.HasSuffix(at, "[]") {
		c.t.Errorf("%s: no description", at)
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ.Kind() {
	case reflect.Slice:
		if n.Type != "array" || n.Items == nil {
			c.t.Fatalf("%s: %v is no array", at, typ)
		}
		c.compare(at+"[]", n.Items, typ.Elem())
	case reflect.Struct:
		if c.seen[typ] {
			return
		}
		c.seen[typ] = true
		c.object(at, n, typ)
	}
}

func (c *comparison) object(at string, n *node, typ reflect.Type) {
	var names, required []string
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if options == "" {
			required = append(required, name)
		}
		if sub := n.Properties[name]; sub != nil {
			c.compare(at+"/"+name, sub, f.Type)
		}
	}
	slices.Sort(names)
	slices.Sort(required)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(n.Properties))); diff != "" {
		c.t.Errorf("%s: fields: -type +schema:\n%s", at, diff)
	}
	slices.Sort(n.Required)
	if diff := cmp.Diff(required, n.Required); diff != "" {
		c.t.Errorf("%s: required: -type +schema:\n%s", at, diff)
	}
	if string(n.AdditionalProperties) != "false" || n.Type != "object" || n.Title == "" {
		c.t.Errorf("%s: additionalProperties %s, type %q, title %q", at, n.AdditionalProperties, n.Type, n.Title)
	}
}
