package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func newNarrator(on ink) (*narrator, *strings.Builder) {
	var b strings.Builder
	return &narrator{ink: on, at: map[string]*spoken{}, out: func(p []byte) error { b.Write(p); return nil }}, &b
}

func tell(t *testing.T, n *narrator, kind run.EventType, data any) {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.event(run.Event{Seq: 1, Type: kind, Data: raw}); err != nil {
		t.Fatal(err)
	}
}

// TestNarratorPieces: text that comes piece by piece is printed as it comes, and
// once, whatever comes between.
func TestNarratorPieces(t *testing.T) {
	type piece struct {
		kind run.EventType
		item string
		text string
	}
	tests := []struct {
		name string
		in   []piece
		want string
	}{
		{"whole at once", []piece{{run.Message, "a", "one"}}, "one\n"},
		{"in pieces", []piece{{run.MessageDelta, "a", "o"}, {run.MessageDelta, "a", "ne"}, {run.Message, "a", "one"}}, "one\n"},
		{"the last piece is missing", []piece{{run.MessageDelta, "a", "o"}, {run.Message, "a", "one\n"}}, "one\n"},
		{"nothing is missing but the line's end", []piece{{run.MessageDelta, "a", "one\n"}, {run.Message, "a", "one\n"}}, "one\n"},
		{"it was said otherwise", []piece{{run.MessageDelta, "a", "on"}, {run.Message, "a", "two"}}, "on\ntwo\n"},
		{"from the middle on", []piece{{run.MessageDelta, "a", "ne"}, {run.Message, "a", "one"}}, "ne\none\n"},
		{"two at once", []piece{{run.MessageDelta, "a", "o"}, {run.CommandOutput, "b", "x"}, {run.MessageDelta, "a", "ne"}, {run.Message, "a", "one"}}, "o\nx\nne\n"},
		{"without an id", []piece{{run.MessageDelta, "", "o"}, {run.Message, "", "one"}, {run.Message, "", "one"}}, "one\none\n"},
		{"a warning between", []piece{{run.MessageDelta, "a", "o"}, {run.Warning, "", "w"}, {run.Message, "a", "one"}}, "o\nwarning: w\nne\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, out := newNarrator(false)
			for _, p := range tt.in {
				tell(t, n, p.kind, run.TextData{ItemID: p.item, Text: p.text})
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNarratorColours(t *testing.T) {
	n, out := newNarrator(true)
	one := 1
	tell(t, n, run.StateChanged, run.StateData{State: run.Running})
	tell(t, n, run.CommandCompleted, run.CommandData{Status: "failed", ExitCode: &one, Output: "\x1b[2Jx"})
	want := "\x1b[2m── \x1b[0m\x1b[36mrunning\x1b[0m\nx\n\x1b[31m[exit 1]\x1b[0m\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

var ours = regexp.MustCompile("\x1b\\[[0-9]m|\x1b\\[3[1-6]m|\x1b\\[0m")

// FuzzNarrator: whatever stands in an event, a terminal obeys nothing but the
// colours that are ours.
func FuzzNarrator(f *testing.F) {
	f.Add("a\x1b]0;x\a\u202e\r\n", "b", true)
	f.Fuzz(func(t *testing.T, a, b string, on bool) {
		data := map[string]any{"changes": []any{map[string]string{"path": b, "kind": a, "diff": b}}}
		for _, k := range []string{
			"itemId", "text", "command", "dir", "status", "output", "state", "reason", "message", "error", "subject", "method", "decision",
			"codexVersion", "model", "provider", "name", "code",
		} {
			data[k] = a
		}
		n, out := newNarrator(ink(on))
		for _, kind := range []run.EventType{
			run.StateChanged, run.AgentSession, run.TurnCompleted, run.MessageDelta, run.Message, run.Reasoning, run.CommandStarted, run.CommandOutput,
			run.CommandCompleted, run.FileChange, run.Diff, run.Plan, run.Usage, run.Approval, run.Warning, run.Error, run.ArtifactStored, run.AgentItem,
		} {
			tell(t, n, kind, data)
		}
		for _, r := range ours.ReplaceAllString(out.String(), "") {
			if r != '\n' && r != '\t' && r != '\u200c' && r != '\u200d' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) {
				t.Fatalf("%U in %q", r, out)
			}
		}
	})
}
