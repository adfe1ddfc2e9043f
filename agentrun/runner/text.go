package runner

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// cut gives the beginning of s in at most n bytes, not in the middle of a rune. It
// gives something if there is room for one.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for back := range utf8.UTFMax { // where no rune begins that near, there is no text
		if n > back && utf8.RuneStart(s[n-back]) {
			return s[:n-back]
		}
	}
	return s[:n]
}

// fit encodes the event's data with as much of its text as there is room for, and
// reports whether some is missing. data is given the text and whether it is cut.
func fit(text string, data func(text string, cut bool) any) (encoded []byte, missing bool, err error) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for whole := text; ; text = cut(text, len(text)/2) {
		if encoded, err = json.Marshal(data(text, len(text) < len(whole))); err != nil {
			return nil, false, err
		}
		if len(encoded) <= run.MaxEventBytes || text == "" {
			return encoded, len(text) < len(whole), nil
		}
		text = cut(text, run.MaxEventBytes*9/10) // most texts need no more than this
		if encoded, err = json.Marshal(data(text, true)); err != nil || len(encoded) <= run.MaxEventBytes {
			return encoded, true, err
		}
	}
}
