package git

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseTreeRefuses(t *testing.T) {
	oid := strings.Repeat("\xaa", 20)
	for _, bad := range []string{
		"x", "\x00", "100644 a", "100644 a\x00", "100644 a\x00" + oid[1:], "100644\x00" + oid, "100644 \x00" + oid,
		"777 a\x00" + oid, "0100644 a\x00" + oid, "40000 ..\x00" + oid, "100644 a/b\x00" + oid, "40000 .GIT\x00" + oid,
		"100644 b\x00" + oid + "100644 a\x00" + oid, "100644 a\x00" + oid + "100644 a\x00" + oid,
		"40000 a\x00" + oid + "100644 a.b\x00" + oid, "100644 " + strings.Repeat("a", 5000) + "\x00" + oid,
	} {
		if err := parseTree(bad, "", func(Entry) error { return nil }); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	oid := strings.Repeat("\xaa", 20)
	f.Add("100644 a b\x00"+oid+"40000 c\x00"+oid+"120000 d\n\x00"+oid+"160000 m\x00"+oid, "x/y")
	f.Fuzz(func(t *testing.T, raw, folder string) {
		var again strings.Builder
		err := parseTree(raw, folder, func(e Entry) error {
			name := strings.TrimPrefix(e.Path, folder+"/")
			id, err := hex.DecodeString(e.OID)
			fmt.Fprintf(&again, "%s %s\x00%s", e.Mode, name, id)
			if strings.HasPrefix(e.Path, "/") || strings.Contains("/"+e.Path+"/", "/../") {
				t.Errorf("the path %q leaves the folder", e.Path)
			}
			return err
		})
		if err == nil && folder != "" && again.String() != raw && !strings.Contains(raw, "100664") {
			t.Errorf("%q reads as %q", raw, again.String())
		}
	})
}

func FuzzReadObject(f *testing.F) {
	id := hashObject("blob", []byte("x\n"))
	f.Add(id+" blob 2\nx\n\n", id)
	f.Add(id+" missing\n", id)
	f.Add(id+" blob 99999999999999999\nx", id)
	f.Fuzz(func(t *testing.T, out, oid string) {
		r := bufio.NewReader(strings.NewReader(out))
		data, err := readObject(r, "blob", oid, 1<<16)
		if err == nil && hashObject("blob", data) != oid {
			t.Errorf("%q is taken for %s", data, oid)
		}
	})
}

func FuzzParseCommit(f *testing.F) {
	oid := strings.Repeat("a", 40)
	f.Add("tree " + oid + "\nparent " + oid + "\nauthor a <b> 1 +0100\ncommitter <> 2 -0000\ngpgsig x\n y\n\nmessage\n\nA: b\n")
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := parseCommit(raw)
		if err != nil {
			return
		}
		if len(c.Tree) != 40 || c.Committer.When.IsZero() || !strings.HasSuffix(raw, c.Message) {
			t.Errorf("%q reads as %+v", raw, c)
		}
		for _, trailer := range Trailers(c.Message) {
			if trailer.Key == "" || strings.ContainsAny(trailer.Key+trailer.Value, "\n") {
				t.Errorf("trailer %+v", trailer)
			}
		}
	})
}

func FuzzParseRefs(f *testing.F) {
	oid := strings.Repeat("a", 40)
	f.Add(oid + "\trefs/heads/main\n" + oid + "\trefs/tags/v0.1\n")
	f.Fuzz(func(t *testing.T, out string) {
		refs, err := parseRefs(out)
		if err == nil && len(refs) != strings.Count(strings.TrimSuffix(out, "\n")+"\n", "\n") && out != "" {
			t.Errorf("%q reads as %q", out, refs)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("remote: no\r\n\x1b[31mhttps://user:p" + "@ss@host/x\x07\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := clean(text)
		if strings.ContainsAny(got, "\n\r\x1b\x00") || len(got) > maxWords+8 || !utf8.ValidString(got) {
			t.Errorf("%q is cleaned to %q", text, got)
		}
	})
}

func TestCleanHidesCredentials(t *testing.T) {
	for text, want := range map[string]string{
		"fatal: 'https://u:p" + "@ss@h.example/x' is gone": "fatal: 'https://***@h.example/x' is gone",
		"https://token@h/x and http://a:b" + "@c/d":        "https://***@h/x and http://***@c/d",
		"a\nb\r\n\n\tc\x1b[1m":                             "a; b; c[1m",
		"git@github.com:o/r.git":                           "git@github.com:o/r.git",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q is cleaned to %q, want %q", text, got, want)
		}
	}
}

// What clean cuts off must not be the part that marks a credential.
func TestCleanHidesCredentialsBeforeItCuts(t *testing.T) {
	got := clean("https://" + strings.Repeat("s", 900) + "@host/path")
	if strings.Contains(got, "ss") {
		t.Errorf("got %q", got)
	}
}

func TestParseDate(t *testing.T) {
	for s, want := range map[string]string{
		"1700000000 +0000": "2023-11-14T22:13:20Z", "@1700000000 -0530": "2023-11-14T16:43:20-05:30",
		"2023-11-14T22:13:20Z": "2023-11-14T22:13:20Z", "0 +0000": "1970-01-01T00:00:00Z",
	} {
		got, err := ParseDate(s)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q is %s, %v, want %s", s, got.Format(time.RFC3339), err, want)
		}
	}
	for _, bad := range []string{"", "yesterday", "1700000000", "-1 +0000", "1 0000", "1 +9999", "1 +0 00", "99999999999999 +0000"} {
		if got, err := ParseDate(bad); err == nil {
			t.Errorf("%q is %s", bad, got)
		}
	}
}
