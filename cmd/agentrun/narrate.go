package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (n *narrator) state(d run.StateData) string {
	s := n.ink.state(d.State)
	if d.Cancelling {
		s += ", being cancelled"
	}
	if d.Reason != "" {
		s += " (" + plain.Line(string(d.Reason), 60) + ")"
	}
	if d.Message != "" {
		s += ": " + plain.Line(d.Message, 500)
	}
	before := ""
	if d.State.Terminal() {
		before = n.tokens()
	}
	return before + n.line(n.ink.faint("── ")+s)
}

func (n *narrator) command(d run.CommandData) string {
	s := n.whole("command "+d.ItemID, d.Output, d.Truncated)
	switch {
	case d.ExitCode != nil && *d.ExitCode == 0:
		return s + n.line(n.ink.good("[exit 0]"))
	case d.ExitCode != nil:
		return s + n.line(n.ink.bad(fmt.Sprintf("[exit %d]", *d.ExitCode)))
	}
	return s + n.line(n.ink.mild("["+plain.Line(d.Status, 60)+"]"))
}

func (n *narrator) files(d run.FileData) string {
	var s strings.Builder
	s.WriteString(n.close())
	for _, c := range d.Changes {
		s.WriteString(n.line(n.ink.bold(plain.Line(c.Kind, 20) + " " + plain.Line(c.Path, 500))))
		for line := range strings.Lines(plain.Text(c.Diff)) {
			s.WriteString(n.diffLine(strings.TrimRight(line, "\n")) + "\n")
		}
	}
	if d.Status != "completed" {
		s.WriteString(n.line(n.ink.mild("[" + plain.Line(d.Status, 60) + "]")))
	}
	return s.String()
}

func (n *narrator) diffLine(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return n.ink.good(line)
	case strings.HasPrefix(line, "-"):
		return n.ink.bad(line)
	case strings.HasPrefix(line, "@"):
		return n.ink.place(line)
	}
	return line
}

func (n *narrator) turn(d run.TurnData) string {
	s := n.tokens()
	took := (time.Duration(d.DurationMS) * time.Millisecond).Round(100 * time.Millisecond)
	text := fmt.Sprintf("turn %s after %v", plain.Line(d.Status, 60), took)
	if d.Error != "" {
		text += ": " + plain.Line(d.Error, 500)
	}
	return s + n.line(n.ink.faint(text))
}

// tokens tells the use of tokens that was not told yet.
func (n *narrator) tokens() string {
	if n.usage == nil {
		return ""
	}
	u := *n.usage
	n.usage = nil
	return n.line(n.ink.faint(usageText(u)))
}

func usageText(u run.UsageData) string {
	return fmt.Sprintf("tokens: %d in (%d cached), %d out (%d reasoning), %d in all",
		u.InputTokens, u.CachedInputTokens, u.OutputTokens, u.ReasoningTokens, u.TotalTokens)
}
