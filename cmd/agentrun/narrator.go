package main

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// narrator tells a run's events to a person. Whatever the agent wrote is made plain
// before it is printed.
type narrator struct {
	out   func([]byte) error
	ink   ink
	at    map[string]*spoken // items whose text comes piece by piece
	open  string             // the item whose line is not ended yet
	usage *run.UsageData     // not told yet
}

// spoken is what was printed of an item before it was whole.
type spoken struct{ text strings.Builder }

// event tells one event, as far as it is for people.
func (n *narrator) event(e run.Event) error {
	text, err := n.text(e)
	if err != nil {
		return fmt.Errorf("reading event %d: %w", e.Seq, err)
	}
	if text == "" {
		return nil
	}
	return n.out([]byte(text))
}

func (n *narrator) text(e run.Event) (string, error) {
	switch e.Type {
	case run.StateChanged:
		return tellAs(e, n.state)
	case run.AgentSession:
		return tellAs(e, func(d run.SessionData) string {
			return n.line(n.ink.faint(plain.Line(fmt.Sprintf("codex %s, model %s of %s", d.CodexVersion, d.Model, d.Provider), 200)))
		})
	case run.MessageDelta:
		return tellAs(e, func(d run.TextData) string { return n.piece("message "+d.ItemID, d.Text) })
	case run.CommandOutput:
		return tellAs(e, func(d run.TextData) string { return n.piece("command "+d.ItemID, d.Text) })
	case run.Message:
		return tellAs(e, func(d run.TextData) string { return n.whole("message "+d.ItemID, d.Text, d.Truncated) })
	case run.Reasoning:
		return tellAs(e, func(d run.TextData) string { return n.block("thinks", n.ink.faint, d) })
	case run.Plan:
		return tellAs(e, func(d run.TextData) string { return n.block("plan", n.ink.place, d) })
	case run.CommandStarted:
		return tellAs(e, func(d run.CommandData) string { return n.line(n.ink.bold("$ " + plain.Text(d.Command))) })
	case run.CommandCompleted:
		return tellAs(e, n.command)
	case run.FileChange:
		return tellAs(e, n.files)
	case run.Usage:
		return tellAs(e, func(d run.UsageData) string { n.usage = &d; return "" })
	case run.TurnCompleted:
		return tellAs(e, n.turn)
	case run.Approval:
		return tellAs(e, func(d run.ApprovalData) string {
			return n.line(n.ink.mild("asked: ") + plain.Line(d.Subject, 300) + ", answered: " + plain.Line(string(d.Decision), 60))
		})
	case run.Warning:
		return tellAs(e, func(d run.TextData) string { return n.line(n.ink.mild("warning: ") + plain.Text(d.Text)) })
	case run.Error:
		return tellAs(e, func(d run.ErrorData) string {
			again := ""
			if d.WillRetry {
				again = " (the agent tries again)"
			}
			return n.line(n.ink.bad("error: ") + plain.Text(d.Message) + again)
		})
	case run.ArtifactStored:
		return tellAs(e, func(d run.Artifact) string {
			return n.line(n.ink.faint(fmt.Sprintf("kept %s, %d bytes", plain.Line(d.Name, 200), d.Bytes)))
		})
	}
	// Of the rest, diff says again what file.change said, and agent.item is not for people.
	return "", nil
}

// tellAs decodes the event's data and tells it.
func tellAs[T any](e run.Event, tell func(T) string) (string, error) {
	var d T
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return "", err
	}
	return tell(d), nil
}

// close ends the line of an item that is still being spoken.
func (n *narrator) close() string {
	if n.open == "" {
		return ""
	}
	n.open = ""
	return "\n"
}

func (n *narrator) line(s string) string { return n.close() + strings.TrimRight(s, "\n") + "\n" }

// piece is the next piece of an item's text.
func (n *narrator) piece(item, text string) string {
	if text == "" {
		return ""
	}
	s := ""
	if n.open != item {
		s = n.close()
	}
	if n.at[item] == nil {
		n.at[item] = &spoken{}
	}
	if b := &n.at[item].text; b.Len() < run.MaxEventBytes {
		b.WriteString(text)
	}
	n.open = item
	if strings.HasSuffix(text, "\n") {
		n.open = ""
	}
	return s + plain.Text(text)
}

// whole is an item's text when all of it is there: what is missing yet when it was
// being spoken, and else everything.
func (n *narrator) whole(item, text string, cut bool) string {
	said := ""
	if s := n.at[item]; s != nil {
		said = s.text.String()
		delete(n.at, item)
	}
	s := ""
	rest, ok := strings.CutPrefix(text, said)
	if !ok {
		rest = text
	}
	if !ok || said == "" || n.open != item {
		s = n.close()
	}
	s += plain.Text(rest)
	if rest != "" && !strings.HasSuffix(rest, "\n") || rest == "" && n.open != "" {
		s += "\n"
	}
	n.open = ""
	if cut {
		s += n.ink.faint("… it is longer: see agentrun artifacts") + "\n"
	}
	return s
}

func (n *narrator) block(name string, paint func(string) string, d run.TextData) string {
	return n.line(paint(name+": ") + paint(plain.Text(d.Text)))
}
