package page

import (
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (it *item) state(d run.StateData) {
	it.Kind = "state"
	it.Title = "State: " + words(string(d.State))
	if d.Cancelling {
		it.Title += ", being cancelled"
	}
	if d.Reason != "" {
		it.Title += " (" + words(string(d.Reason)) + ")"
	}
	it.text(d.Message, false)
}

// words is a name of ours as people write it.
func words(name string) string { return plain.Line(strings.ReplaceAll(name, "_", " "), 60) }

func (it *item) command(d run.CommandData) {
	it.of("command", d.ItemID)
	it.Title, it.Status, it.ExitCode = "Command", plain.Line(d.Status, 60), d.ExitCode
	it.Dir = plain.Line(d.Dir, 500)
	command, more := shorten(d.Command, itemBytes/4)
	it.Command = plain.Text(command)
	it.text(d.Output, d.Truncated || more)
}

func (it *item) turn(d run.TurnData) {
	it.Kind, it.Title = "note", "Turn "+plain.Line(d.Status, 60)
	text := "after " + (time.Duration(d.DurationMS) * time.Millisecond).Round(100*time.Millisecond).String()
	if d.Error != "" {
		text += ": " + d.Error
	}
	it.text(text, false)
}

func (it *item) files(d run.FileData) {
	it.of("files", d.ItemID)
	it.Title, it.Status = "Files changed", plain.Line(d.Status, 60)
	left := itemBytes
	for i, c := range d.Changes {
		if i == 100 {
			it.Cut = true
			break
		}
		diff, cut := shorten(c.Diff, left)
		left -= len(diff)
		it.Changes = append(it.Changes, change{plain.Line(c.Kind, 20), plain.Line(c.Path, 500), diffLines(diff), cut})
	}
}

func diffLines(diff string) []line {
	var lines []line
	for text := range strings.Lines(plain.Text(diff)) {
		text = strings.TrimSuffix(text, "\n")
		kind := "same"
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"), strings.HasPrefix(text, "diff "), strings.HasPrefix(text, "index "):
			kind = "file"
		case strings.HasPrefix(text, "+"):
			kind = "add"
		case strings.HasPrefix(text, "-"):
			kind = "del"
		case strings.HasPrefix(text, "@@"):
			kind = "hunk"
		}
		lines = append(lines, line{kind, text})
	}
	return lines
}
