package fail

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding is one place in a document or source tree that breaks a rule.
type Finding struct {
	Rule    string `json:"rule"`              // such as "D2", or "" for a document that no rule is about
	File    string `json:"file"`              // path in the commit, slash separated
	Line    int    `json:"line,omitzero"`     // from 1; 0 when the file as a whole is meant
	Column  int    `json:"column,omitzero"`   // from 1, in bytes
	Pointer string `json:"pointer,omitempty"` // JSON pointer, for JSON documents
	Why     string `json:"why"`
	Hint    string `json:"hint"`
}

// maxPlace bounds a path or pointer in a message, in bytes: both are somebody's words.
const maxPlace = 1000

// Where is "file:line:column", as far as it is known, fit for one line.
func (f Finding) Where() string {
	s := Clean(f.File, maxPlace)
	if f.Line > 0 {
		s += fmt.Sprintf(":%d", f.Line)
		if f.Column > 0 {
			s += fmt.Sprintf(":%d", f.Column)
		}
	}
	return s
}

func (f Finding) String() string {
	s := f.Where() + ": "
	if f.Pointer != "" {
		s += Clean(f.Pointer, maxPlace) + ": "
	}
	s += f.Why
	if f.Rule != "" {
		s += " (rule " + f.Rule + ")"
	}
	return s
}

// Findings is an error that names several places at once, so that a person can
// mend them all before trying again. Its exit code is Refused.
type Findings []Finding

// Error is one line a finding, each followed by its hint.
func (fs Findings) Error() string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String())
		if f.Hint != "" {
			b.WriteString("\n  hint: " + f.Hint)
		}
	}
	return b.String()
}

// Sort orders the findings by file, line, column, rule and reason, so that the
// same tree always gives the same report.
func (fs Findings) Sort() {
	slices.SortFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Why, b.Why))
	})
}

// Err is fs as an error, or nil when there is none.
func (fs Findings) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// Summary is an error that only counts the findings, for a caller that has
// printed them already; nil when there is none.
func (fs Findings) Summary() error {
	switch len(fs) {
	case 0:
		return nil
	case 1:
		return &Error{Code: Refused, Err: errors.New("1 finding")}
	}
	return &Error{Code: Refused, Err: fmt.Errorf("%d findings", len(fs))}
}
