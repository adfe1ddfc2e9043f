package check

import "regexp"

// words finds what begins with a fixed text, and not in the middle of a word.
// Without a pattern for what comes before, a search is a search for that text.
type words struct {
	pattern *regexp.Regexp
	before  string // what makes it the middle of a word, besides letters and digits
}

func newWords(pattern, before string) *words { return &words{regexp.MustCompile(pattern), before} }

// in are the places in text, as FindSubmatchIndex gives them, at most maxFound.
func (w *words) in(text []byte) [][]int {
	var found [][]int
	for from := 0; len(found) < maxFound; {
		at := w.pattern.FindSubmatchIndex(text[from:])
		if at == nil {
			break
		}
		for i := range at {
			if at[i] >= 0 {
				at[i] += from
			}
		}
		if at[0] == 0 || !w.joins(text[at[0]-1]) {
			found = append(found, at)
		}
		from = at[0] + 1
	}
	return found
}

func (w *words) joins(c byte) bool {
	for i := range len(w.before) {
		if w.before[i] == c {
			return true
		}
	}
	return isAlphanumeric(c)
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// lowered is text with its ASCII letters in lower case, byte for byte.
func lowered(text []byte) []byte {
	out := make([]byte, len(text))
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
