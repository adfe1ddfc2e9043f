package fail

import (
	"regexp"
	"strings"
	"unicode"
)

// Clean makes text from outside fit for one line of a message: what a terminal
// would obey or could not show becomes '?', and what goes over limit bytes is cut.
func Clean(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	s = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
	if cut {
		s += "…"
	}
	return s
}

var userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s]*@`)

// Redact hides the user part of every URL in s, where tokens and passwords
// stand: "https://x:y@host/p" becomes "https://***@host/p".
func Redact(s string) string {
	if !strings.Contains(s, "://") {
		return s // as nearly all are
	}
	return userinfo.ReplaceAllString(s, "${1}***@")
}
