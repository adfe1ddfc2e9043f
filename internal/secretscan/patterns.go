package secretscan

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"
)

// gitleaks is given a text piece by piece: a rule then runs only on the pieces
// that hold one of its key words, and its cost per match, which grows with the
// lines around it, stays bounded. Pieces overlap by more than the longest
// credential that its rules know.
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
		for _, f := range s.gitleaks.Detect(detect.Fragment{Raw: text, FilePath: name}) {
			out = append(out, match{rule: f.RuleID, offset: start + offsetOf(f, text), why: f.Description})
		}
		if end == len(data) {
			break
		}
		start = lineStart(data, start, end-overlap)
	}
	return out
}

// lineStart is where the line of data that holds at begins, if that is after
// start; a line longer than a piece is cut.
func lineStart(data []byte, start, at int) int {
	if nl := bytes.LastIndexByte(data[start+1:at], '\n'); nl >= 0 {
		return start + 1 + nl + 1
	}
	return at
}

// offsetOf is where in text a finding's secret begins, or its line when it was
// found in a decoded value. gitleaks counts lines from 0, and columns from the
// line feed before them.
func offsetOf(f report.Finding, text string) int {
	at := 0
	for range f.StartLine {
		nl := strings.IndexByte(text[at:], '\n')
		if nl < 0 {
			return at
		}
		at += nl + 1
	}
	column := f.StartColumn - 1
	if f.StartLine > 0 {
		column--
	}
	if column > 0 && at+column <= len(text) {
		at += column
	}
	if strings.HasPrefix(text[at:], f.Match) {
		at += max(strings.Index(f.Match, f.Secret), 0)
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
