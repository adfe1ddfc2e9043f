package verify

import (
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

const withheld = "(withheld: it looks like a credential)"

// hidden is a text of the cluster without the user part of its URLs, unless it looks
// like a credential (rule C4).
func hidden(text string) string {
	text = fail.Redact(text)
	if len(text) > 0 && len(secretscan.Default().Scan("", []byte(text))) > 0 {
		return withheld
	}
	return text
}

// told is an observation as it may be told, whatever wrote what was observed: every one
// of a verdict is. A value that matches is as it was wanted, a digest or a count, and a
// large lane has thousands of them; there only the URLs are looked at.
func told(ob Observation) Observation {
	tell := hidden
	if ob.State == Matched && ob.Field != "" {
		tell = fail.Redact
	}
	for _, s := range []*string{&ob.Object, &ob.Field, &ob.Value, &ob.Wanted, &ob.Note, &ob.Hint} {
		*s = clean(tell(*s)) // what is cut could not be known any more
	}
	return ob
}
