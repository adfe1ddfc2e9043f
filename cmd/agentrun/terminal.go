package main

import (
	"io"
	"os"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ink colours text for a terminal, or leaves it as it is.
type ink bool

// inkOn is for what is printed on w: colours for a person who has not refused them.
func inkOn(w io.Writer) ink {
	return ink(isTerminal(w) && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == "")
}

func (on ink) paint(code, s string) string {
	if !on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (on ink) bold(s string) string  { return on.paint("1", s) }
func (on ink) faint(s string) string { return on.paint("2", s) }
func (on ink) good(s string) string  { return on.paint("32", s) }
func (on ink) bad(s string) string   { return on.paint("31", s) }
func (on ink) mild(s string) string  { return on.paint("33", s) }
func (on ink) place(s string) string { return on.paint("36", s) }

// isInputTerminal reports whether a person would have to type what is read from r.
func isInputTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && isTerminal(f)
}
