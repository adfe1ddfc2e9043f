// Package fields reads "key: value" pairs, and what stands base64-encoded, out of
// any text, in whatever notation it is written: JSON (pretty, on one line, or escaped within a string), YAML,
// TOML, shell assignments, Go literals, and any of them quoted in a document.
//
// It is for looking at content that nobody promised the form of, where a parser
// of one notation would be walked around by writing another. It is tolerant on
// purpose: what is no pair is passed over, nothing is an error, and a reader must
// expect pairs that only look like one. Where a document's own form is known,
// its own parser is used instead. Time is linear in the text, and no state
// outlives a call.
package fields

import (
	"bytes"
	"iter"
	"strings"
)

// MaxValue is the most bytes of a value that are kept.
const MaxValue = 256

// Field is one pair.
type Field struct {
	Key    string
	Value  string // without quotes; a block scalar's first line; "" when an object or a list begins
	Offset int    // of the key, in bytes
	Part   int    // counts what divides documents in one text: "---" lines and code fences
	Line   int    // counts from 0, escaped line feeds included
	Indent int    // of the key in its line, in bytes
	Depth  int    // braces open before the key
}

// Within reports whether f stands in the object that outer begins, as far as
// braces or, without them, indentation show. The object ends at the first field
// behind outer that is not within it.
func (f Field) Within(outer Field) bool {
	return f.Part == outer.Part && f.Offset > outer.Offset &&
		(f.Depth > outer.Depth || f.Depth == outer.Depth && f.Line > outer.Line && f.Indent > outer.Indent)
}

// Beside reports whether two fields stand in the same object, under the same
// reservation.
func (f Field) Beside(other Field) bool {
	return f.Part == other.Part && f.Depth == other.Depth && (f.Line == other.Line || f.Indent == other.Indent)
}

// In yields the pairs of text in their order. A value is looked into as well, so
// that `data: "{\"kind\":\"Secret\"}"` yields both data and kind.
func In(text []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		part, line, begin, depth := 0, 0, 0, 0
		for i := 0; i < len(text); {
			c := text[i]
			if i == begin && divides(text[i:]) {
				part, depth = part+1, 0
			}
			switch {
			case c == '\n':
				i++
				line, begin = line+1, i
			case c == '\\' && i+1 < len(text) && strings.IndexByte("nrt", text[i+1]) >= 0: // in a quoted text
				i += 2
				if text[i-1] == 'n' {
					line, begin = line+1, i
				}
			case c == '{':
				depth++
				i++
			case c == '}':
				depth = max(0, depth-1)
				i++
			case keyStart(c):
				end := i + 1
				for end < len(text) && keyByte(text[end]) {
					end++
				}
				if i > begin && isQuote(text[i-1]) && end < len(text) && text[end] == ':' {
					begin = i // a quoted text begins, not a quoted key
				}
				if at, ok := separator(text, end); ok {
					value := value(text, at)
					if !yield(Field{Key: string(text[i:min(end, i+MaxValue)]), Value: value, Offset: i, Part: part, Line: line, Indent: i - begin, Depth: depth}) {
						return
					}
				}
				i = end
			default:
				i++
			}
		}
	}
}

func keyStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$'
}

// keyByte tells what keys go on with; the dot and the slash are for labels and
// annotations.
func keyByte(c byte) bool { return keyStart(c) || c == '-' || c == '.' || c == '/' }

// separator finds the ":", "=", ":=" or "=>" behind a key and returns where the
// value begins.
func separator(text []byte, i int) (int, bool) {
	i = skip(text, i, "\\\"'`")
	i = skip(text, i, " \t")
	switch {
	case bytes.HasPrefix(text[i:], []byte(":=")), bytes.HasPrefix(text[i:], []byte("=>")):
		i += 2
	case i < len(text) && (text[i] == ':' || text[i] == '='):
		i++
	default:
		return 0, false
	}
	return skip(text, i, " \t"), true
}

// value reads a scalar: to the closing quote, or to what ends a plain one.
func value(text []byte, i int) string {
	rest, after, _ := bytes.Cut(text[i:min(len(text), i+MaxValue)], []byte("\n"))
	for len(rest) > 0 && (rest[0] == '&' || rest[0] == '!') { // YAML's anchors and tags
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	open := skip(rest, 0, "\\")
	if open < len(rest) && isQuote(rest[open]) {
		quote := rest[open : open+1]
		rest = rest[open+1:]
		if end := bytes.Index(rest, quote); end >= 0 {
			rest = rest[:end]
		}
		return string(bytes.TrimRight(rest, "\\"))
	}
	switch {
	case bytes.HasPrefix(rest, []byte("{}")), bytes.HasPrefix(rest, []byte("[]")):
		return string(rest[:2])
	case len(rest) > 0 && (rest[0] == '{' || rest[0] == '['):
		return ""
	case len(rest) > 0 && (rest[0] == '|' || rest[0] == '>') && len(bytes.Trim(rest, "|>+-0123456789 \r")) == 0:
		line, _, _ := bytes.Cut(after, []byte("\n"))
		return string(bytes.TrimSpace(line))
	}
	if end := bytes.IndexByte(rest, '>'); end > 0 && rest[0] == '<' { // "<what goes here>" is one word
		return string(rest[:end+1])
	}
	if end := bytes.IndexAny(rest, " \t\r,;\"'`\\)}]"); end >= 0 {
		rest = rest[:end]
	}
	return string(rest)
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func skip(text []byte, i int, set string) int {
	for i < len(text) && strings.IndexByte(set, text[i]) >= 0 {
		i++
	}
	return i
}

// divides reports whether the line that begins here ends one document and
// begins another.
func divides(line []byte) bool {
	line = bytes.TrimLeft(line[:min(len(line), MaxValue)], " \t>#*/")
	for _, mark := range []string{"---", "```", "~~~"} {
		if bytes.HasPrefix(line, []byte(mark)) {
			return true
		}
	}
	return false
}
