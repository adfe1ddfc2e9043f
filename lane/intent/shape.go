package intent

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// document is what one pass over the JSON gives, before its values are decoded.
type document struct {
	texts  []text
	faults []fault
}

// text is one string of the document, a key or a value.
type text struct {
	at    place
	value string
	key   string // the key of a map under which a value stands: "" where the schema names it
	isKey bool
}

// fault is a difference between the document and the shape of Intent.
type fault struct {
	at    place
	field string
	kind  faultKind
}

type faultKind int

const (
	unknownField faultKind = iota
	missingField
	nullValue
)

// place is where a value stands. Most places are never spoken of, so a pointer
// is only written when one is.
type place struct {
	parent *place
	token  string
	index  int // in a list; then token is ""
}

func (p *place) pointer() jsontext.Pointer {
	switch {
	case p.parent == nil:
		return ""
	case p.token == "" && p.index >= 0:
		return element(p.parent.pointer(), p.index)
	}
	return p.parent.pointer().AppendToken(p.token)
}

// readShape walks data, a valid JSON document, beside the type of Intent. A
// field without omitempty is required; a null stands for nothing and is a fault.
func readShape(data []byte) *document {
	r := &shapeReader{dec: jsontext.NewDecoder(bytes.NewReader(data)), types: map[reflect.Type]map[string]field{}}
	r.value(place{}, "", reflect.TypeFor[Intent]())
	return &r.document
}

type shapeReader struct {
	dec   *jsontext.Decoder
	types map[reflect.Type]map[string]field
	document
}

// next reads a token; the document is valid.
func (r *shapeReader) next() jsontext.Token {
	token, err := r.dec.ReadToken()
	if err != nil {
		return jsontext.EndObject
	}
	return token
}

// value reads one value. t is its type, or nil where the schema knows none.
func (r *shapeReader) value(at place, key string, t reflect.Type) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch token := r.next(); token.Kind() {
	case '{':
		r.object(&at, t)
	case '[':
		for i := 0; r.dec.PeekKind() != ']'; i++ {
			r.value(place{parent: &at, index: i}, key, elem(t, reflect.Slice))
		}
		r.next()
	case '"':
		r.texts = append(r.texts, text{at: at, value: token.String(), key: key})
	case 'n':
		r.faults = append(r.faults, fault{at: at, kind: nullValue})
	}
}

func (r *shapeReader) object(at *place, t reflect.Type) {
	fields := r.fieldsOf(t)
	var seen []string
	for r.dec.PeekKind() != '}' {
		name := r.next().String()
		seen = append(seen, name)
		member := place{parent: at, token: name, index: -1}
		f, known := fields[name]
		if known {
			r.value(member, "", f.t)
			continue
		}
		if fields != nil {
			r.faults = append(r.faults, fault{at: member, field: name, kind: unknownField})
		}
		r.texts = append(r.texts, text{at: member, value: name, isKey: true})
		r.value(member, name, elem(t, reflect.Map))
	}
	r.next()
	for name, f := range fields {
		if f.required && !slices.Contains(seen, name) {
			r.faults = append(r.faults, fault{at: *at, field: name, kind: missingField})
		}
	}
}

// elem is the type of the elements of a slice or map, or nil.
func elem(t reflect.Type, kind reflect.Kind) reflect.Type {
	if t == nil || t.Kind() != kind {
		return nil
	}
	return t.Elem()
}

// field is one member that a struct type allows.
type field struct {
	t        reflect.Type
	required bool
}

// fieldsOf are the members that t allows, or nil when it is no struct.
func (r *shapeReader) fieldsOf(t reflect.Type) map[string]field {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	fields, ok := r.types[t]
	if ok {
		return fields
	}
	fields = map[string]field{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		optional := slices.ContainsFunc(strings.Split(options, ","), func(o string) bool { return o == "omitempty" || o == "omitzero" })
		fields[name] = field{t: f.Type, required: !optional}
	}
	r.types[t] = fields
	return fields
}
