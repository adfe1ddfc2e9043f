// Package plain makes text that nobody vouches for fit for people's eyes: what a
// terminal would obey, and what would put the letters in another order than they
// are in, is taken out or shown as U+FFFD. Text keeps lines, Line makes one line of
// it, and JSON does it to an encoded document without changing what it says.
//
// All of them are pure, take any bytes and give valid UTF-8. They do not escape for
// HTML, nor do they look for secrets.
package plain

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sequences are the terminal's control sequences that programs write all the time:
// colours, cursor, titles. They are nothing to read.
var sequences = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Za-z])`)

// Text is s with its lines and tabs, without control sequences; a carriage return
// ends a line too.
func Text(s string) string {
	if isPlain(s) {
		return s
	}
	s = sequences.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n' || r == '\t' || shown(r):
			return r
		}
		return utf8.RuneError
	}, s)
}

// isPlain is the quick way for most texts.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// shown reports whether r is seen as what it is. The joiners are kept: some scripts
// and emoji need them, and they move nothing.
func shown(r rune) bool {
	return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == '\u200c' || r == '\u200d'
}

// Line is Text on one line, each blank a space, cut to limit characters.
func Line(s string, limit int) string {
	// A character has up to 4 bytes; control sequences and blanks may have more.
	if most := 16 * limit; len(s) > most {
		s = s[:most]
	}
	s = strings.Join(strings.Fields(Text(s)), " ")
	for i := range s {
		if limit--; limit < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// JSON is an encoded JSON document that means the same, with everything escaped
// that Text would not show.
func JSON(data []byte) []byte {
	if isPlain(string(data)) {
		return data
	}
	var b bytes.Buffer
	for _, r := range string(data) {
		switch {
		case r == '\n' || r == '\t' || shown(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}
