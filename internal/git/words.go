package git

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/fail"
)

// maxWords bounds what an error repeats of a program's own words.
const maxWords = 800

// tail keeps the last bytes of a standard error; the reason stands at its end.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - 4*maxWords; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return clean(string(t.buf))
}

// clean makes one bounded line of text that a program or a remote wrote: lines
// are joined by "; ", control characters and invalid UTF-8 are gone, and
// credentials in URLs are hidden.
func clean(text string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.Map(func(r rune) rune {
			switch {
			case r == '\t':
				return ' '
			case r == utf8.RuneError || !unicode.IsPrint(r):
				return -1
			}
			return r
		}, line)
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	s := fail.Redact(strings.Join(lines, "; "))
	if len(s) > maxWords {
		s = "… " + strings.ToValidUTF8(s[len(s)-maxWords:], "")
	}
	return s
}
