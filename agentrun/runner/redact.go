package runner

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// redacted stands where a credential stood.
const redacted = "[redacted]"

// leastSecret is the length below which a value is no credential, and would be found
// everywhere, in bytes.
const leastSecret = 8

// redactor takes known values out of texts, also in the forms in which they stand in
// JSON and base64.
type redactor struct {
	forms    []string
	replacer *strings.Replacer
}

func newRedactor(secrets []string) *redactor {
	r := &redactor{}
	for _, secret := range secrets {
		if len(secret) < leastSecret {
			continue
		}
		r.forms = append(r.forms, secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)))
		if quoted, err := json.Marshal(secret); err == nil {
			r.forms = append(r.forms, string(quoted[1:len(quoted)-1]))
		}
	}
	// The longest first, so that none is cut short by another that it begins with.
	slices.SortFunc(r.forms, func(a, b string) int { return len(b) - len(a) })
	r.forms = slices.Compact(r.forms)
	var pairs []string
	for _, form := range r.forms {
		pairs = append(pairs, form, redacted)
	}
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

func (r *redactor) text(s string) string { return r.replacer.Replace(s) }

// ready splits a text that goes on: what can be shown now, and the end that may be the
// beginning of a credential.
func (r *redactor) ready(s string) (now, later string) {
	s = r.text(s)
	hold := 0
	for _, form := range r.forms {
		for n := min(len(form)-1, len(s)); n > hold; n-- {
			if strings.HasSuffix(s, form[:n]) {
				hold = n
				break
			}
		}
	}
	return s[:len(s)-hold], s[len(s)-hold:]
}
