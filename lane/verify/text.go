package verify

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// marks stand before a rule.
var marks = map[State]string{Matched: "=", Skipped: "-", Unknown: "?", Contradicted: "!"}

// Text writes the verdict for people: link by link, a line for each rule that is
// matched, and for the others all that was observed.
func (v Verdict) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", v.Project, v.Lane)
	if v.SourceCommitID != "" {
		fmt.Fprintf(&b, " at %.12s, GitOps branch at %.12s", v.SourceCommitID, v.GitopsCommitID)
	}
	fmt.Fprintf(&b, ", %s\n", v.At)
	said := map[string]bool{}
	for _, c := range v.Links {
		fmt.Fprintf(&b, "\n%s: %s\n", c.Link, c.State)
		for _, f := range c.Findings {
			f.text(&b, said)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", v.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// Unmet writes only the rules that keep the verdict from being accepted, with what
// was observed of each.
func (v Verdict) Unmet(w io.Writer) error {
	var b strings.Builder
	said := map[string]bool{}
	for _, c := range v.Links {
		for _, f := range c.Findings {
			if f.State == Contradicted || f.State == Unknown {
				f.text(&b, said)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary is the verdict in one line.
func (v Verdict) Summary() string {
	s := "accepted"
	if !v.Accepted {
		s = fmt.Sprintf("not accepted: %d contradicted, %d unknown", v.Contradicted, v.Unknown)
	}
	if v.Offline {
		s += " (offline: the cluster was not asked)"
	}
	for _, l := range v.Skipped {
		s += fmt.Sprintf(" (%s skipped)", l)
	}
	return s
}

// text writes one rule. What was said at length before is not said again.
func (f Finding) text(b *strings.Builder, said map[string]bool) {
	if f.State == Matched || f.State == Skipped {
		fmt.Fprintf(b, "  %s %-3s %s\n", marks[f.State], f.Rule, f.key())
		for _, ob := range f.Observations {
			if ob.Field == "" && ob.State == Matched {
				fmt.Fprintf(b, "        %s: %s\n", ob.Object, ob.Note)
			}
		}
		return
	}
	fmt.Fprintf(b, "  %s %-3s %s: %s\n", marks[f.State], f.Rule, f.Holds, f.State)
	for _, ob := range together(f.Observations) {
		if ob.State == Matched && ob.Field != "" {
			continue
		}
		if ob.State == Unknown && len(ob.Note) > 40 {
			if said[ob.Note] {
				ob.Note = "not seen, as said above"
			}
			said[ob.Note] = true
		}
		fmt.Fprintf(b, "      %s %s\n", marks[ob.State], ob)
		if ob.Hint != "" && !said[ob.Hint] {
			said[ob.Hint] = true
			fmt.Fprintf(b, "        hint: %s\n", ob.Hint)
		}
	}
}

// together makes one observation of those that could not be made for one reason.
func together(all []Observation) []Observation {
	var out []Observation
	objects := map[string][]string{}
	for _, ob := range all {
		if ob.State == Unknown {
			objects[ob.Note] = append(objects[ob.Note], ob.Object)
			if len(objects[ob.Note]) > 1 {
				continue
			}
		}
		out = append(out, ob)
	}
	for i, ob := range out {
		if ob.State == Unknown {
			out[i].Object = list(objects[ob.Note], 4)
		}
	}
	return out
}

// hex is a commit or digest, of which the beginning will do on a line that nobody
// has to act on.
var hex = regexp.MustCompile(`\b([0-9a-f]{12})[0-9a-f]{28,52}\b`)

// key is what a matched rule rests on, in a few words.
func (f Finding) key() string {
	var facts []Observation
	for _, ob := range f.Observations {
		if ob.Field != "" || ob.State == Skipped {
			facts = append(facts, ob)
		}
	}
	if len(facts) == 0 {
		return f.Holds
	}
	// The last is the sum where there is one.
	s := short(facts[len(facts)-1].String())
	if n := len(facts) - 1; n > 0 {
		s += fmt.Sprintf("  (+%d)", n)
	}
	return s
}

func (ob Observation) String() string {
	s := ob.Object
	if ob.Field != "" {
		s += " " + ob.Field
	}
	if ob.Value != "" {
		s += ": " + ob.Value
	}
	if ob.Wanted != "" {
		s += ", want " + ob.Wanted
	}
	if ob.Note != "" {
		s += ": " + ob.Note
	}
	return cmp.Or(s, string(ob.State))
}

// plurals is what several objects of a kind are called.
func plurals(kind string) string {
	if stem, ok := strings.CutSuffix(kind, "y"); ok {
		return stem + "ies"
	}
	return kind + "s"
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
