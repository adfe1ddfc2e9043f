package intent

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// validator collects what is wrong with one document.
type validator struct {
	file     string
	data     []byte
	secrets  *secretscan.Scanner
	withheld map[string]bool           // strings of the document that no finding repeats
	settled  map[jsontext.Pointer]bool // places of which nothing more needs to be said
	found    []placed
}

// add reports a finding at a place. A value in why is given as v.quote(value).
func (v *validator) add(at jsontext.Pointer, rule, hint, why string, args ...any) {
	if v.settled[at] {
		return
	}
	v.found = append(v.found, placed{at, fail.Finding{
		Rule: rule, File: v.file, Pointer: string(v.speakable(at)),
		Why: fmt.Sprintf(why, args...), Hint: hint,
	}})
}

// placed is a finding whose line is not known yet.
type placed struct {
	at      jsontext.Pointer
	finding fail.Finding
}

// speakable is at, cut before a key that no finding repeats.
func (v *validator) speakable(at jsontext.Pointer) jsontext.Pointer {
	var out jsontext.Pointer
	for token := range at.Tokens() {
		if v.withheld[token] {
			break
		}
		out = out.AppendToken(token)
	}
	return out
}

// settle reports a finding that makes others at its place idle.
func (v *validator) settle(at jsontext.Pointer, rule, hint, why string, args ...any) {
	v.add(at, rule, hint, why, args...)
	v.settled[at] = true
}

// located is everything that was found, with its lines, in the document's order,
// or nil.
func (v *validator) located() error {
	if len(v.found) == 0 {
		return nil
	}
	offsets := v.offsets()
	var all fail.Findings
	for _, p := range v.found {
		p.finding.Line, p.finding.Column = canon.Position(v.data, offsets[p.at])
		all = append(all, p.finding)
	}
	all.Sort()
	return all
}

// offsets is where the places of all findings begin, found in one pass. A member
// begins with its key; one that is missing is where its object is.
func (v *validator) offsets() map[jsontext.Pointer]int64 {
	offsets := map[jsontext.Pointer]int64{}
	for _, p := range v.found {
		offsets[p.at] = -1
	}
	dec := jsontext.NewDecoder(bytes.NewReader(v.data))
	for {
		start := dec.InputOffset()
		if _, err := dec.ReadToken(); err != nil {
			break
		}
		at := dec.StackPointer()
		if before, wanted := offsets[at]; !wanted || before >= 0 {
			continue
		}
		for strings.IndexByte(" \t\r\n,:", v.data[start]) >= 0 {
			start++
		}
		offsets[at] = start
	}
	for at, offset := range offsets {
		for parent := at; offset < 0 && parent != ""; offset = max(offset, offsets[parent]) {
			parent = parent.Parent()
		}
		offsets[at] = offset
	}
	return offsets
}

// maxQuoted is how much of a value a finding repeats.
const maxQuoted = 80

// quote is value as findings repeat it.
func (v *validator) quote(value string) string {
	if v.withheld[value] {
		return "the value"
	}
	return strconv.Quote(fail.Clean(value, maxQuoted))
}

// member is the place of a field.
func member(at jsontext.Pointer, fields ...string) jsontext.Pointer {
	for _, f := range fields {
		at = at.AppendToken(f)
	}
	return at
}

// element is the place of a list's element.
func element(at jsontext.Pointer, i int) jsontext.Pointer { return at.AppendToken(strconv.Itoa(i)) }

// distinct reports the second of two equal values of a list, such as the names of
// a service's ports.
func (v *validator) distinct(what string, n int, value func(i int) string, at func(i int) jsontext.Pointer) {
	if n < 2 {
		return
	}
	first := make(map[string]int, n)
	for i := range n {
		if before, ok := first[value(i)]; ok {
			v.add(at(i), "D1", "keep one of the two", "the %s %s stands twice, first at %s", what, v.quote(value(i)), at(before))
			continue
		}
		first[value(i)] = i
	}
}

// distinctStrings reports the second of two equal strings of the list at a place.
func (v *validator) distinctStrings(what string, at jsontext.Pointer, list []string) {
	v.distinct(what, len(list), func(i int) string { return list[i] }, func(i int) jsontext.Pointer { return element(at, i) })
}

// named is an object by name, or one key of it.
type named struct{ name, key string }

// reference is a set of declared names, and which of them something uses.
type reference struct {
	rule     string
	what     string
	declared map[named]jsontext.Pointer
	used     map[named]bool
}

func references(rule, what string) *reference {
	return &reference{rule: rule, what: what, declared: map[named]jsontext.Pointer{}, used: map[named]bool{}}
}

func (r *reference) describe(v *validator, n named) string {
	if n.key == "" {
		return "the " + r.what + " " + v.quote(n.name)
	}
	return "the key " + v.quote(n.key) + " of the " + r.what + " " + v.quote(n.name)
}

// resolve reports a name that nobody declared.
func (r *reference) resolve(v *validator, at jsontext.Pointer, n named, where string) bool {
	r.used[n] = true
	if _, ok := r.declared[n]; ok {
		return true
	}
	v.add(at, r.rule, "declare it in "+where+", or name one that is declared", "%s is not declared", r.describe(v, n))
	return false
}

// unused reports declarations that nothing refers to.
func (r *reference) unused(v *validator) {
	for n, at := range r.declared {
		if !r.used[n] {
			v.add(at, r.rule, "remove it, or use it in a service", "%s is declared and nothing uses it", r.describe(v, n))
		}
	}
}

// source is one of several fields of which one must be set.
type source struct {
	name string
	set  bool
}

// oneOf reports that not exactly one source is set.
func (v *validator) oneOf(at jsontext.Pointer, what string, sources ...source) {
	var set, all []string
	for _, s := range sources {
		all = append(all, s.name)
		if s.set {
			set = append(set, s.name)
		}
	}
	switch len(set) {
	case 1:
	case 0:
		v.add(at, "D1", "add one of "+strings.Join(all, ", "), "%s has no source", what)
	default:
		v.add(at, "D1", "keep one of them", "%s has %d sources: %s", what, len(set), strings.Join(set, ", "))
	}
}
