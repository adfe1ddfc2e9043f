package secretscan

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"iter"
	"slices"
	"strings"
)

// A text is looked at piece by piece, because a rule runs on the pieces that hold
// one of its key words. Pieces overlap by more than what the rules match.
const (
	piece   = 8 << 10
	overlap = 1 << 10
)

// patterns applies gitleaks' rules.
func (s *Scanner) patterns(name string, data []byte) []match {
	var out []match
	for start := 0; start < len(data) && len(out) < maxHits; {
		end := min(start+piece, len(data))
		text := string(data[start:end])
		for _, r := range s.rules.speakingOf(text) {
			if r.path != nil && !r.path().MatchString(name) {
				continue
			}
			for _, at := range r.pattern().FindAllStringIndex(text, maxHits) {
				found := text[at[0]:at[1]]
				from, to := r.credential(found)
				if s.rules.accepts(r, found, found[from:to]) {
					out = append(out, match{rule: r.id, offset: start + at[0] + from, end: start + at[0] + to, why: r.description})
				}
			}
		}
		if end == len(data) {
			break
		}
		start = lineStart(data, start, end-overlap)
	}
	return withoutGeneric(out)
}

// withoutGeneric removes what gitleaks' general rule found where another knows
// the kind.
func withoutGeneric(found []match) []match {
	return slices.DeleteFunc(slices.Clone(found), func(g match) bool {
		return strings.HasPrefix(g.rule, "generic") && slices.ContainsFunc(found, func(m match) bool {
			return m.rule != g.rule && m.offset <= g.offset && g.end <= m.end
		})
	})
}

// lineStart is where the line of data that holds at begins, if that is after
// start; a line longer than a piece is cut.
func lineStart(data []byte, start, at int) int {
	if nl := bytes.LastIndexByte(data[start+1:at], '\n'); nl >= 0 {
		return start + 1 + nl + 1
	}
	return at
}

// withoutHashes blanks what is known by its form to be a hash, for it looks random
// and often stands behind words such as "auth" or "api": digests (sha256: and 64
// hex digits) and go.sum's module hashes (a version, h1: and 32 bytes in base64).
// Offsets do not change.
func withoutHashes(data []byte) []byte {
	out := data
	blank := func(at, n int) {
		if &out[0] == &data[0] {
			out = bytes.Clone(data)
		}
		copy(out[at:], bytes.Repeat([]byte(" "), n))
	}
	for at := range places(data, "sha256:") {
		if n := 2 * sha256.Size; at+n <= len(data) && len(bytes.TrimLeft(data[at:at+n], "0123456789abcdef")) == 0 {
			blank(at, n)
		}
	}
	for at := range places(data, " h1:") {
		version := data[:at-len(" h1:")]
		version = version[bytes.LastIndexByte(version, ' ')+1:]
		n := base64.StdEncoding.EncodedLen(sha256.Size)
		if !bytes.HasPrefix(version, []byte("v")) || at+n > len(data) {
			continue
		}
		if sum, err := base64.StdEncoding.AppendDecode(nil, data[at:at+n]); err == nil && len(sum) == sha256.Size {
			blank(at, n)
		}
	}
	return out
}

// places yields the offsets behind each mark in data.
func places(data []byte, mark string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; {
			next := bytes.Index(data[at:], []byte(mark))
			if next < 0 {
				return
			}
			at += next + len(mark)
			if !yield(at) {
				return
			}
		}
	}
}
