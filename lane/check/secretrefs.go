package check

import (
	"bytes"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// use is one key of a Secret that a service reads.
type use struct{ secret, key, service string }

// uses are the keys that an intent injects, and the word that a document must
// say of how: the variable, or the variable that names the home.
func uses(in *intent.Intent) map[use]string {
	all := map[use]string{}
	for _, s := range in.Services {
		for _, e := range s.Env {
			if r := e.SecretRef; r != nil {
				all[use{r.Name, r.Key, s.ID}] = e.Name
			}
		}
		if h := s.Home; h != nil {
			for _, key := range h.SecretRef.Keys {
				all[use{h.SecretRef.Name, key, s.ID}] = h.Env
			}
		}
	}
	return all
}

// secretDistribution compares the page with the intent, both ways (rule G5).
func (f *file) secretDistribution(in *intent.Intent) fail.Findings {
	want := uses(in)
	seen := map[use]bool{}
	var found fail.Findings
	inTable, at := false, 0
	for line := range bytes.Lines(f.text) {
		start := at
		at += len(line)
		cells := row(line)
		if len(cells) < 4 || strings.Trim(cells[0], "-: ") == "" {
			inTable = inTable && len(cells) > 0
			continue
		}
		if strings.EqualFold(cells[0], "SecretRef") {
			inTable = true
			continue
		}
		if !inTable {
			continue
		}
		u := use{plain(cells[0]), plain(cells[1]), plain(cells[2])}
		how, ok := want[u]
		switch {
		case !ok:
			found = append(found, f.at(start, "G5", "remove the row, or declare it in deploy/deploy.json", "deploy/deploy.json does not give the key %q of %q to %q", u.key, u.secret, u.service))
		case seen[u]:
			found = append(found, f.at(start, "G5", "keep one of the two", "the row stands twice"))
		case !strings.Contains(cells[3], "`"+how+"`"):
			found = append(found, f.at(start, "G5", "say `"+how+"` in the last column", "the key %q of %q gets to %q by another way than the row says", u.key, u.secret, u.service))
		}
		seen[u] = true
	}
	for u := range want {
		if !seen[u] {
			found = append(found, f.whole("G5", "add a row: SecretRef, key, service, how", "the page does not list the key %q of %q for %q", u.key, u.secret, u.service))
		}
	}
	return found
}

// row is a Markdown table's row, or nil.
func row(line []byte) []string {
	s := strings.TrimSpace(string(line))
	if !strings.HasPrefix(s, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(s, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func plain(cell string) string { return strings.Trim(cell, "`* ") }
