package check

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// past says that something is no longer so.
var past = regexp.MustCompile(`(?i)deprecat|retire|histor|obsolete|legacy|废弃|弃用|历史|退役`)

// retired finds names of the environments that version lanes took the place of
// (rule A5). A document may name them where it says that they are of the past:
// in that paragraph, list item or table row, or below such a heading.
func (j *judge) retired(f *file, own *owner) fail.Findings {
	var found fail.Findings
	for _, o := range distinct(own, j.intents.top) {
		if !o.known() {
			continue
		}
		for _, at := range o.retired.in(f.lower) {
			if f.isDocument() && past.Match(f.context(at[0])) {
				continue
			}
			found = append(found, f.at(at[0], "A5",
				"name a version lane; a document may name the old environments only where it calls them retired", "a retired environment is named as if it were current"))
		}
	}
	return found
}

// oldCluster is how a path of the machine before this cluster begins. The name
// by itself may stand in a sentence.
var oldCluster = newWords(`d`+`601(:/|/|:k3s)`, "")

// legacy finds what belonged to the release path before Tekton and Argo CD (rule E9).
func (j *judge) legacy(f *file, _ *owner) fail.Findings {
	var found fail.Findings
	for _, at := range oldCluster.in(f.lower) {
		if f.isDocument() && past.Match(f.context(at[0])) {
			continue
		}
		found = append(found, f.at(at[0], "E9", "remove it: a release runs on the cluster of deploy/deploy.json, through Tekton and Argo CD", "a path of the old release way"))
	}
	return found
}

func distinct(a, b *owner) []*owner {
	if a == b {
		return []*owner{a}
	}
	return []*owner{a, b}
}

func (f *file) isDocument() bool {
	name := strings.ToLower(f.Path)
	return strings.HasSuffix(name, ".md") || strings.HasSuffix(name, ".markdown")
}

// context is what a document says around an offset: the row, list item or
// paragraph, and the headings above it.
func (f *file) context(offset int) []byte {
	var headings [7][]byte
	var block []byte
	at, fenced := 0, false
	for line := range bytes.Lines(f.text) {
		start := at
		at += len(line)
		trimmed := bytes.TrimLeft(line, " \t>")
		level := len(trimmed) - len(bytes.TrimLeft(trimmed, "#"))
		fence := bytes.HasPrefix(trimmed, []byte("```")) || bytes.HasPrefix(trimmed, []byte("~~~"))
		if fence {
			fenced = !fenced
		}
		switch {
		case !fenced && level >= 1 && level <= 6 && bytes.HasPrefix(trimmed[level:], []byte(" ")):
			if start > offset {
				return append(bytes.Join(headings[:], nil), block...)
			}
			for i := level; i < len(headings); i++ {
				headings[i] = nil
			}
			headings[level] = line
			block = nil
		case !fenced && begins(trimmed):
			if start > offset {
				return append(bytes.Join(headings[:], nil), block...)
			}
			block = bytes.Clone(line)
		default:
			block = append(block, line...)
		}
	}
	return append(bytes.Join(headings[:], nil), block...)
}

// begins reports whether a line begins a new block: an empty line, a list item, a
// table's row.
func begins(line []byte) bool {
	line = bytes.TrimRight(line, "\r\n \t")
	if len(line) == 0 || line[0] == '|' {
		return true
	}
	rest := bytes.TrimLeft(line, "0123456789")
	item := len(rest) < len(line) && len(rest) > 1 && (rest[0] == '.' || rest[0] == ')') && rest[1] == ' '
	return item || len(line) > 1 && strings.IndexByte("-*+", line[0]) >= 0 && line[1] == ' '
}
