package runner

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// redacted stands where a credential stood.
const redacted = "[redacted]"

// leastSecret is the length below which a value is no credential, and would be found
// everywhere, in bytes.
const leastSecret = 8

// redactor takes known values out of texts, also in the forms in which they stand in
// JSON and base64. Values can be added while it is used.
type redactor struct {
	mu    sync.Mutex // of who adds
	known atomic.Pointer[forms]
}

// forms are all forms of the known values, the longest first.
type forms struct {
	list     []string
	replacer *strings.Replacer
}

func newRedactor(secrets []string) *redactor {
	r := &redactor{}
	r.known.Store(&forms{})
	r.add(secrets...)
	return r
}

// add makes more values known.
func (r *redactor) add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &forms{list: slices.Clone(r.known.Load().list)}
	for _, secret := range secrets {
		if len(secret) < leastSecret {
			continue
		}
		f.list = append(f.list, secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)))
		if quoted, err := json.Marshal(secret); err == nil {
			f.list = append(f.list, string(quoted[1:len(quoted)-1]))
		}
	}
	// The longest first, so that none is cut short by another that it begins with.
	slices.SortFunc(f.list, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	f.list = slices.Compact(f.list)
	var pairs []string
	for _, form := range f.list {
		pairs = append(pairs, form, redacted)
	}
	f.replacer = strings.NewReplacer(pairs...)
	r.known.Store(f)
}

// text is s without the known values.
func (r *redactor) text(s string) string {
	f := r.known.Load()
	// The replacer copies a text that it changes nothing in, and texts can be large.
	if !slices.ContainsFunc(f.list, func(form string) bool { return strings.Contains(s, form) }) {
		return s
	}
	return f.replacer.Replace(s)
}

var errUnfit = errors.New("it cannot be shown without a credential")

// encoded is an encoded value without the known values.
func (r *redactor) encoded(data []byte) ([]byte, error) {
	if text := string(data); r.text(text) != text {
		data = []byte(r.text(text))
	}
	if !jsontext.Value(data).IsValid() { // a credential that reached over its string's end
		return nil, errUnfit
	}
	return data, nil
}

// ready splits a text that goes on: what can be shown now, and the end that may be the
// beginning of a credential.
func (r *redactor) ready(s string) (now, later string) {
	s = r.text(s)
	hold := 0
	for _, form := range r.known.Load().list {
		for n := min(len(form)-1, len(s)); n > hold; n-- {
			if strings.HasSuffix(s, form[:n]) {
				hold = n
				break
			}
		}
	}
	return s[:len(s)-hold], s[len(s)-hold:]
}
