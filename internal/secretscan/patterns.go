package secretscan

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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

// withoutHashes blanks the module hashes of go.sum, which stand behind words such
// as "auth" and look random. They are known by their form (a version, "h1:" and
// 32 bytes), wherever they stand; offsets do not change.
func withoutHashes(data []byte) []byte {
	mark := []byte(" h1:")
	digits := base64.StdEncoding.EncodedLen(sha256.Size)
	out := data
	for at := 0; ; {
		next := bytes.Index(data[at:], mark)
		if next < 0 {
			return out
		}
		version := data[:at+next]
		version = version[bytes.LastIndexByte(version, ' ')+1:]
		at += next + len(mark)
		if !bytes.HasPrefix(version, []byte("v")) || at+digits > len(data) {
			continue
		}
		sum, err := base64.StdEncoding.AppendDecode(nil, data[at:at+digits])
		if err != nil || len(sum) != sha256.Size {
			continue
		}
		if &out[0] == &data[0] {
			out = bytes.Clone(data)
		}
		copy(out[at:], bytes.Repeat([]byte(" "), digits))
	}
}
