package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/plain"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"two\n\tlines, 中文\u3000é":                 "two\n\tlines, 中文\u3000é",
		"\x1b[1;31mred\x1b[0m \x1b(Bplain":        "red plain",
		"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\": "a",
		"10%\r20%\r\nend":                         "10%\n20%\nend",
		"bell\a \x1bZ \x7f \u009b2J":              "bell\uFFFD \uFFFDZ \uFFFD \uFFFD2J",
		"if \u202eadmin\u202c":                    "if \uFFFDadmin\uFFFD",
		"👩\u200d💻 \u2066x\xff":                    "👩\u200d💻 \uFFFDx\uFFFD",
	} {
		if got := plain.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"short":                   "short",
		" two\n\n lines\tof  it ": "two lines of it",
		"中文中文中文中文中文中文中文中文中文":           "中文中文中文中文中文中文中文中…",
		strings.Repeat("x", 1_000_000): "xxxxxxxxxxxxxxx…",
		"\x1b[2Jcleared":               "cleared",
	} {
		if got := plain.Line(in, 15); got != want {
			t.Errorf("Line(%.20q) = %q, want %q", in, got, want)
		}
	}
}

func fit(t *testing.T, s, also string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) && !strings.ContainsRune(also+"\u200c\u200d", r) {
			t.Errorf("%U in %q", r, s)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[0m\r\n\u202e\xff", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 0), 1000)
		fit(t, plain.Text(s), "\n\t")
		line := plain.Line(s, limit)
		fit(t, line, "")
		if n := utf8.RuneCountInString(line); n > limit+1 {
			t.Errorf("%d characters, limit %d", n, limit)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add("\u202e \u009b \U000e0041 \u007f \\ \" \n")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		data, err := json.Marshal(map[string]string{"k": s})
		if err != nil {
			t.Fatal(err)
		}
		out := plain.JSON(data)
		fit(t, string(out), "")
		var back map[string]string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back["k"]); diff != "" {
			t.Error(diff)
		}
	})
}
