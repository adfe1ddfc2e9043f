package metadata

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// document checks one document; the first refusal stays.
type document struct {
	file, rule, hint string
	err              error
}

func (d *document) refuse(field, format string, args ...any) {
	if d.err == nil {
		d.err = fail.Refuse(d.rule, d.file+": "+field, d.hint, format, args...)
	}
}

func (d *document) head(apiVersion, kind, wantKind, project, lane string, n names.Names) {
	for _, f := range []struct{ name, got, want string }{
		{"apiVersion", apiVersion, names.APIVersion}, {"kind", kind, wantKind}, {"project", project, n.Project}, {"lane", lane, n.Lane},
	} {
		if f.got != f.want {
			d.refuse(f.name, "it is %q, not %q", clean(f.got), f.want)
		}
	}
}

// maxText bounds one text, in bytes.
const maxText = 500

// isText reports whether s is one line that can be shown anywhere. A variable of
// the cluster ("$(…)") would become something else on its way through Tekton.
func isText(s string) bool {
	return s != "" && fail.Clean(s, maxText) == s && strings.TrimSpace(s) == s && !strings.Contains(s, "$(")
}

func clean(s string) string { return fail.Clean(s, 100) }

func (d *document) text(field, s string) {
	if !isText(s) {
		d.refuse(field, "%q is not one line of 1 to %d printable bytes, without $(", clean(s), maxText)
	}
}

func (d *document) time(field, s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || Stamp(t) != s {
		d.refuse(field, "%q is no time such as 2026-01-02T03:04:05Z", clean(s))
	}
	return t
}

// Stamp is how documents write a time.
func Stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

var limits = canon.Limits{Bytes: 64 << 10, Depth: 5}

// decode reads the form alone. What is wrong with it is no matter of mending: nobody
// writes these by hand.
func (d *document) decode(data []byte, into any) {
	err := canon.Unmarshal(d.file, d.rule, data, into, limits)
	if findings, ok := errors.AsType[fail.Findings](err); ok {
		err = fail.Refuse(d.rule, findings[0].Where(), d.hint, "%s", findings[0].Why)
	}
	d.err = err
}

// canonical refuses bytes that Encode would not give for doc.
func (d *document) canonical(data []byte, doc any) {
	if again, err := canon.Marshal(doc); err != nil || !bytes.Equal(again, data) {
		d.refuse("form", "it is not in canonical form, so it was not written by lane")
	}
}
