package canon

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Limits bound a document before it is decoded.
type Limits struct {
	Bytes int // the most bytes it may have
	Depth int // the deepest nesting of objects and arrays
}

// Unmarshal decodes data strictly into v. The error is a fail.Findings of one
// finding, whose rule is rule and whose place is in file.
func Unmarshal(file, rule string, data []byte, v any, lim Limits) error {
	refuse := func(offset int64, pointer, why, hint string) error {
		line, col := Position(data, offset)
		return fail.Findings{{Rule: rule, File: file, Line: line, Column: col, Pointer: pointer, Why: why, Hint: hint}}
	}
	switch {
	case len(data) > lim.Bytes:
		return fail.Findings{{
			Rule: rule, File: file,
			Why:  fmt.Sprintf("the document has %d bytes, the limit is %d", len(data), lim.Bytes),
			Hint: "remove what does not belong in it",
		}}
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return refuse(0, "", "the document begins with a byte order mark", "save it as UTF-8 without a byte order mark")
	case !utf8.Valid(data):
		return refuse(int64(invalidUTF8(data)), "", "the document is not UTF-8", "save it as UTF-8")
	}
	if off, ok := tooDeep(data, lim.Depth); ok {
		return refuse(off, "", fmt.Sprintf("objects and arrays are nested deeper than %d", lim.Depth), "flatten the document")
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		why, hint := "not valid JSON: "+e.Err.Error(), "mend the JSON here"
		if errors.Is(err, jsontext.ErrDuplicateName) {
			why, hint = fmt.Sprintf("the key %q stands twice in one object", e.JSONPointer.LastToken()), "keep one of the two"
		}
		return refuse(e.ByteOffset, string(e.JSONPointer), why, hint)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		pointer := string(e.JSONPointer)
		off, found := Offset(data, pointer)
		if !found {
			off = e.ByteOffset
		}
		if errors.Is(err, json.ErrUnknownName) {
			return refuse(off, pointer, fmt.Sprintf("unknown field %q", e.JSONPointer.LastToken()), "remove it, or correct its name: the document's schema lists the fields there are")
		}
		return refuse(off, pointer, "a "+kindName(e.JSONKind)+" cannot stand here", "write "+typeName(e.GoType))
	}
	return fmt.Errorf("decoding %s: %w", file, err)
}

// Position is the line and column (both from 1, columns in bytes) of offset.
func Position(data []byte, offset int64) (line, col int) {
	offset = min(max(offset, 0), int64(len(data)))
	before := data[:offset]
	return 1 + bytes.Count(before, []byte("\n")), int(offset) - bytes.LastIndexByte(before, '\n')
}

// Offset finds where the value that pointer names begins in data, a valid JSON
// document; for an object's member that is where its key begins.
func Offset(data []byte, pointer string) (int64, bool) {
	if pointer == "" {
		return 0, true
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		start := dec.InputOffset()
		if _, err := dec.ReadToken(); err != nil {
			return 0, false
		}
		if string(dec.StackPointer()) == pointer {
			for start < int64(len(data)) && strings.IndexByte(" \t\r\n,:", data[start]) >= 0 {
				start++
			}
			return start, true
		}
	}
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}

// tooDeep looks for nesting over limit without recursion, so that a hostile
// document costs nothing but a pass over its bytes.
func tooDeep(data []byte, limit int) (int64, bool) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return int64(i), true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0, false
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '0':
		return "number"
	case '{':
		return "object"
	case '[':
		return "list"
	}
	return "value of this kind"
}

func typeName(t reflect.Type) string {
	if t == nil {
		return "what the document's schema says"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
