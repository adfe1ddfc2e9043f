package secretscan

import (
	"bytes"
	"strings"
)

// passwordURLs finds URLs whose authority has a password that is no placeholder.
// They are taken apart by hand: a password with an unescaped "@", "/" or "%" is
// no valid URL and yet a password.
func passwordURLs(data []byte) []match {
	var out []match
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte("://"))
		if next < 0 {
			return out
		}
		start := at + next
		for start > at && schemeByte(data[start-1]) {
			start--
		}
		at += next + len("://")
		if password := passwordOf(data[at:]); password != "" && !Placeholder(password) {
			out = append(out, match{rule: "url-password", offset: start, why: "a URL with a password"})
		}
	}
}

func schemeByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
}

// passwordOf is the password of the URL whose authority begins at rest, or "".
func passwordOf(rest []byte) string {
	url := string(rest[:min(len(rest), 1024)])
	if end := strings.IndexAny(url, " \t\r\n\"'`"); end >= 0 {
		url = url[:end]
	}
	authority := url
	if end := strings.IndexAny(url, "/?#"); end >= 0 {
		authority = url[:end]
	}
	if !strings.Contains(authority, "@") {
		if _, port, ok := strings.Cut(authority, ":"); !ok || strings.Trim(port, "0123456789") == "" {
			return "" // host or host:port; an "@" further on belongs to the path
		}
		authority = url
	}
	userinfo, _, ok := cutLast(authority, "@")
	if !ok {
		return ""
	}
	_, password, _ := strings.Cut(userinfo, ":")
	return password
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// HasPassword reports whether text holds a URL with a password, be it only the
// placeholder of one.
func HasPassword(text string) bool {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "://")
		if !ok {
			return false
		}
		if passwordOf([]byte(after)) != "" {
			return true
		}
		rest = after
	}
}
