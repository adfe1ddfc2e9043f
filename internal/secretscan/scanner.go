// Package secretscan finds credentials in bytes (rule C4).
//
// It joins gitleaks' default rules, which it alone reads, with detectors
// that understand a form instead of matching it: private keys in PEM and DER,
// JSON Web Tokens, URLs with a password, kubeconfigs, Secret manifests and
// registry logins, also when they stand base64-encoded in a text. What is found
// is told by rule, place and reason; the secret itself never leaves the package.
//
// There is no way to wave a finding through: comments such as gitleaks:allow,
// allow-lists of paths and commits, and rules that only look at certain files'
// names are off, so a name only adds to what is looked for. Placeholders
// (${PASSWORD}, <password>) are known by their form. Input over MaxBytes is one
// finding, not a pass. The package reads no file, and keeps nothing between calls but
// what Remembered puts into its caller's memo.
package secretscan

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fields"
)

// MaxBytes is the most that one call looks at.
const MaxBytes = 8 << 20

// maxHits is where a call stops: a file with more is not going to be mended line
// by line.
const maxHits = 100

// revision counts the changes of what this package itself finds.
const revision = 2

// Hit is one place that looks like a credential.
type Hit struct {
	Rule   string `json:"rule"`   // gitleaks' rule id, or one of this package's
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in bytes
	Why    string `json:"why"`    // never holds the credential
}

// Scanner holds the rules. It is safe for concurrent use.
type Scanner struct {
	rules   *rules
	version string
}

// New reads the rules, which takes some milliseconds; each is compiled when a
// text first speaks of it.
func New() (*Scanner, error) {
	rs, err := loadRules()
	if err != nil {
		return nil, err
	}
	return &Scanner{rules: rs, version: fmt.Sprintf("%d %s", revision, canon.Digest([]byte(config.DefaultConfig)))}, nil
}

// Version changes whenever the same bytes may give other hits: it is part of the
// key under which a caller may keep results.
func (s *Scanner) Version() string { return s.version }

// Default is the scanner that callers of one process share; it is made at the
// first call and never changes. The rules are part of the program, so that they
// cannot be read is a broken build and panics.
func Default() *Scanner { return shared() }

var shared = sync.OnceValue(func() *Scanner {
	s, err := New()
	if err != nil {
		panic(err)
	}
	return s
})

// match is a hit by its offsets; end is 0 when only the begin is known.
type match struct {
	rule        string
	offset, end int
	why         string
}

// Scan looks at data, which name names, and returns the hits in the order of
// their places.
func (s *Scanner) Scan(name string, data []byte) []Hit {
	if len(data) > MaxBytes {
		return []Hit{{Rule: "too-large", Line: 1, Column: 1, Why: "it is too large to be looked at for credentials"}}
	}
	matches := s.look(name, data, 0)
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.rule, b.rule)) })
	matches = slices.CompactFunc(matches, func(a, b match) bool { return a.offset == b.offset && a.rule == b.rule })
	var hits []Hit
	for _, m := range matches[:min(len(matches), maxHits)] {
		line, column := canon.Position(data, int64(m.offset))
		hits = append(hits, Hit{Rule: m.rule, Line: line, Column: column, Why: m.why})
	}
	return hits
}

// maxNesting is how deep base64 within base64 is followed.
const maxNesting = 2

// look finds what stands in data, and what stands base64-encoded in it.
func (s *Scanner) look(name string, data []byte, nesting int) []match {
	out := append(structures(data), s.patterns(name, withoutHashes(data))...)
	if nesting == maxNesting {
		return out
	}
	for offset, decoded := range fields.Base64(data) {
		if !utf8.Valid(decoded) && !isKeyDER(decoded) {
			continue // as hashes and images decode
		}
		for _, m := range s.look(name, decoded, nesting+1) {
			out = append(out, match{rule: m.rule, offset: offset, why: m.why + ", base64-encoded"})
		}
	}
	return out
}
