package diff

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Text writes the diff for a person: a line for each object and, below it, each
// changed field with the value before on a line that begins with "-" and the one
// after on a line that begins with "+".
func (d Diff) Text(w io.Writer) error { return d.text(w, style{}) }

// ColorText is Text with the colours that terminals show.
func (d Diff) ColorText(w io.Writer) error {
	return d.text(w, style{Added: "\x1b[32m", Removed: "\x1b[31m", Changed: "\x1b[1m"})
}

// style is the escape sequence for each change.
type style map[Change]string

func (s style) paint(c Change, text string) string {
	if s[c] == "" {
		return text
	}
	return s[c] + text + "\x1b[0m"
}

func (d Diff) text(w io.Writer, s style) error {
	out := bufio.NewWriter(w)
	for _, p := range d.Problems {
		fmt.Fprintf(out, "unreadable %s: %s\n", oneLine(p.File), oneLine(p.Why))
	}
	for _, o := range d.Objects {
		name := oneLine(o.Name)
		if o.Namespace != "" {
			name = oneLine(o.Namespace) + "/" + name
		}
		line := fmt.Sprintf("%-8s %s %s", o.Change, oneLine(o.Kind), name)
		fmt.Fprint(out, s.paint(o.Change, line))
		if o.Effect != "" {
			fmt.Fprintf(out, "  (%s)", oneLine(o.Effect))
		}
		fmt.Fprintln(out)
		for _, f := range o.Fields {
			fmt.Fprintf(out, "    %s\n", f.Path)
			before, after := f.lines()
			for _, line := range before {
				fmt.Fprintln(out, s.paint(Removed, "      - "+line))
			}
			for _, line := range after {
				fmt.Fprintln(out, s.paint(Added, "      + "+line))
			}
		}
	}
	added, changed, removed := d.Counts()
	if added+changed+removed == 0 {
		fmt.Fprintln(out, "no object changes")
	} else {
		fmt.Fprintf(out, "%d added, %d changed, %d removed\n", added, changed, removed)
	}
	return out.Flush()
}

// lines are the two values as lines. Of two texts only the lines that differ
// are shown.
func (f Field) lines() (before, after []string) {
	b, bothText := f.Before.(string)
	a, ok := f.After.(string)
	if bothText = bothText && ok; bothText && strings.Contains(a+b, "\n") {
		return differing(strings.Split(b, "\n"), strings.Split(a, "\n"))
	}
	if f.Change != Added {
		before = []string{show(f.Before)}
	}
	if f.Change != Removed {
		after = []string{show(f.After)}
	}
	if f.Change == Changed && before[0] == after[0] { // such as "1" and 1
		return []string{encoded(f.Before)}, []string{encoded(f.After)}
	}
	return before, after
}

// differing are the lines between the equal ones at both ends.
func differing(before, after []string) (b, a []string) {
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	for _, line := range before {
		b = append(b, printable(line))
	}
	for _, line := range after {
		a = append(a, printable(line))
	}
	return b, a
}

// show is a value on one line.
func show(v any) string {
	if s, ok := v.(string); ok {
		return oneLine(s)
	}
	return encoded(v)
}

// encoded is a value as JSON on one line of ASCII and printable characters.
func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil { // there is nothing in a manifest that JSON cannot say
		return fmt.Sprint(err)
	}
	return printable(string(data))
}

// oneLine is s, quoted if it would not show as it is.
func oneLine(s string) string {
	if s == "" || s != strings.TrimSpace(s) || s != printable(s) {
		return strconv.Quote(s)
	}
	return s
}

// printable escapes what a terminal would obey or could not show.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
