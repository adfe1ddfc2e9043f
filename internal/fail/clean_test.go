package fail_test

import (
	"testing"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/fail"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, 中文":         "plain text, 中文",
		"\x1b[2Jgone\r\n\a":      "?[2Jgone???",
		"a\tb\u202e\u200bc\xff":  "a b??c?",
		"0123456789abcdef012345": "0123456789abcdef0123…",
	} {
		if got := fail.Clean(in, 20); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("x\x1b[0m", 3)
	f.Add("中文", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 0), 1000)
		got := fail.Clean(s, limit)
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		for _, r := range got {
			if r < ' ' || r == 0x7f {
				t.Errorf("control character in %q", got)
			}
		}
	})
}

func TestC4_RedactHidesTheUserOfAURL(t *testing.T) {
	for in, want := range map[string]string{
		"https:/" + "/x:y@host/p":                         "https://***@host/p",
		"https:/" + "/token@host":                         "https://***@host",
		"see ssh:/" + "/git@host/p and http:/" + "/a:b@c": "see ssh://***@host/p and http://***@c",
		"https://host/p@v1":                               "https://host/p@v1",
		"git@host:p, 10:20":                               "git@host:p, 10:20",
	} {
		if got := fail.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
