package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// header is the first line of every file.
const header = "# Rendered by lane from deploy/deploy.json and the artifact catalog: change those, not this.\n"

// encode writes one file. Members stand in the order in which the API's types
// declare them, which is the order people explain them in, keys of maps sorted.
// A status and what is empty of an object's own members are left out.
//
// A Kubernetes object encodes to JSON by its own tags, and that is what is
// printed as YAML. The kept YAML libraries take ten times as long as this
// printer and more, which would be most of a render (bench/render measures it); the tests
// read every kind of text back with both of them.
func encode(objects []object) ([]byte, error) {
	p := new(printer)
	p.out.Grow(4096)
	p.out.WriteString(header)
	for i, o := range objects {
		if i > 0 {
			p.out.WriteString("---\n")
		}
		if err := p.object(o); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", o.GetName(), err)
		}
	}
	return p.out.Bytes(), nil
}

// printer prints JSON as block style YAML.
type printer struct {
	out  bytes.Buffer
	json bytes.Buffer
	dec  jsontext.Decoder // of json
}

func (p *printer) object(o object) error {
	p.json.Reset()
	// These types are tagged for encoding/json: omitempty means what it means there.
	if err := json.NewEncoder(&p.json).Encode(o); err != nil {
		return err
	}
	p.dec.Reset(&p.json, jsontext.AllowDuplicateNames(true)) // an encoder does not write them
	apiVersion, kind := o.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	fmt.Fprintf(&p.out, "apiVersion: %s\nkind: %s\n", apiVersion, kind)
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() == '"' {
		tok, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		switch key := tok.String(); key {
		case "apiVersion", "kind", "status":
			err = p.dec.SkipValue()
		default:
			start := p.out.Len()
			err = p.member(key, 0)
			if string(p.out.Bytes()[start:]) == key+": {}\n" {
				p.out.Truncate(start)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member prints a key, whose place is already written, and its value.
func (p *printer) member(key string, indent int) error {
	if !plain(key) {
		key = strconv.Quote(key)
	}
	p.out.WriteString(key)
	p.out.WriteByte(':')
	return p.value(indent, false)
}

// value prints the next value after a key or, inItem, after a list's hyphen.
func (p *printer) value(indent int, inItem bool) error {
	tok, err := p.dec.ReadToken()
	if err != nil {
		return err
	}
	open := tok.Kind()
	if open != '{' && open != '[' {
		p.out.WriteByte(' ')
		p.scalar(tok, indent+2)
		p.out.WriteByte('\n')
		return nil
	}
	closing := open + 2 // in ASCII the closing brackets are two after their opening ones
	switch {
	case p.dec.PeekKind() == closing:
		p.out.WriteString(" " + string([]byte{byte(open), byte(closing)}) + "\n")
	case inItem:
		p.out.WriteByte(' ') // the first key or hyphen stands on the item's own line
	default:
		p.out.WriteByte('\n')
	}
	if open == '{' || inItem {
		indent += 2 // a list that follows a key is not indented, as kubectl prints it
	}
	for first := true; p.dec.PeekKind() != closing; first = false {
		if !first || !inItem {
			p.out.WriteString(strings.Repeat(" ", indent))
		}
		if err := p.element(open, indent); err != nil {
			return err
		}
	}
	_, err = p.dec.ReadToken()
	return err
}

// element prints one member of an object or one item of a list.
func (p *printer) element(open jsontext.Kind, indent int) error {
	if open == '[' {
		p.out.WriteByte('-')
		return p.value(indent, true)
	}
	key, err := p.dec.ReadToken()
	if err != nil {
		return err
	}
	return p.member(key.String(), indent)
}

// scalar prints a string plain where every reader takes it for that string, as
// a block where it has lines, and otherwise quoted: Go's escapes are YAML's too.
func (p *printer) scalar(tok jsontext.Token, indent int) {
	s := tok.String()
	switch {
	case tok.Kind() != '"' || plain(s):
		p.out.WriteString(s)
	case block(s):
		p.out.WriteByte('|')
		if !strings.HasSuffix(s, "\n") {
			p.out.WriteByte('-')
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
			p.out.WriteByte('\n')
			if line != "" {
				p.out.WriteString(strings.Repeat(" ", indent))
				p.out.WriteString(line)
			}
		}
	default:
		p.out.WriteString(strconv.Quote(s))
	}
}

// plain reports whether s, unquoted, is that string to every YAML reader. It
// says no rather than to know all of YAML.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case letter(c), '0' <= c && c <= '9', strings.IndexByte("-_./@+=", c) >= 0:
		case (c == ':' || c == ' ') && 0 < i && i < len(s)-1 && s[i+1] != ' ':
		default:
			return false
		}
	}
	switch {
	case s == "":
		return false
	case letter(s[0]):
		return len(s) > len("false") || !word(strings.ToLower(s))
	case s[0] == '/':
		return len(s) > 1
	case strings.HasPrefix(s, "--"):
		return len(s) > 2 && letter(s[2])
	}
	// Quantities, addresses and images; not what may be a number, a date or a time.
	return '0' <= s[0] && s[0] <= '9' && (strings.ContainsAny(s, "/@") || strings.HasSuffix(s, "i") || strings.HasSuffix(s, "m"))
}

// word reports whether a YAML reader may take s for a boolean or for null.
func word(s string) bool {
	switch s {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// block reports whether a literal block holds s exactly: s has lines, none of
// which ends in a space, does not begin with white space, and ends in at most
// one newline.
func block(s string) bool {
	return strings.Contains(s, "\n") && s[0] != ' ' && s[0] != '\n' &&
		!strings.HasSuffix(s, "\n\n") && !strings.HasSuffix(s, " ") && !strings.Contains(s, " \n") &&
		strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) < 0
}
