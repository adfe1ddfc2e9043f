package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// item is one thing of the timeline. All its texts are plain.
type item struct {
	ID      string // of its element; an item that comes again replaces the one before
	Seq     int64
	Attempt int
	Time    time.Time
	Kind    string // its class, and which form it has
	Title   string
	Text    string
	Cut     bool // the text is longer than is shown
	Append  bool // Text is a piece that follows on the item's text so far

	Command, Dir, Status string
	ExitCode             *int
	Changes              []change
}

// change is a file that was changed.
type change struct {
	Kind, Path string
	Lines      []line
	Cut        bool
}

// line is one of a diff.
type line struct{ Kind, Text string }

// itemBytes bounds the text of one item, diffs included.
const itemBytes = 16 << 10

// itemOf is the event's item; false when it has none of its own.
func itemOf(e run.Event) (item, bool, error) {
	it := item{ID: "e" + strconv.FormatInt(e.Seq, 10), Seq: e.Seq, Attempt: e.Attempt, Time: e.Time}
	var err error
	switch e.Type {
	case run.StateChanged:
		err = fill(e, func(d run.StateData) { it.state(d) })
	case run.AgentSession:
		err = fill(e, func(d run.SessionData) {
			it.Kind, it.Title = "note", "Session"
			it.text(fmt.Sprintf("codex %s, model %s of %s", d.CodexVersion, d.Model, d.Provider), false)
		})
	case run.MessageDelta:
		err = fill(e, func(d run.TextData) { it.ofItem("message", "Message", d); it.Append = true })
	case run.Message:
		err = fill(e, func(d run.TextData) { it.ofItem("message", "Message", d) })
	case run.Reasoning:
		err = fill(e, func(d run.TextData) { it.ofItem("reasoning", "Reasoning", d) })
	case run.Plan:
		err = fill(e, func(d run.TextData) { it.ofItem("plan", "Plan", d) })
	case run.CommandStarted, run.CommandCompleted:
		err = fill(e, func(d run.CommandData) { it.command(d) })
	case run.CommandOutput:
		err = fill(e, func(d run.TextData) { it.ofItem("command", "Command", d); it.Append = true })
	case run.FileChange:
		err = fill(e, func(d run.FileData) { it.files(d) })
	case run.TurnCompleted:
		err = fill(e, func(d run.TurnData) { it.turn(d) })
	case run.Approval:
		err = fill(e, func(d run.ApprovalData) {
			it.Kind, it.Title = "warning", "The agent asked"
			it.text(d.Subject+"\nAnswered: "+string(d.Decision), false)
		})
	case run.Warning:
		err = fill(e, func(d run.TextData) { it.Kind, it.Title = "warning", "Warning"; it.text(d.Text, d.Truncated) })
	case run.Error:
		err = fill(e, func(d run.ErrorData) {
			it.Kind, it.Title = "error", "Error"
			if d.WillRetry {
				it.Title = "Error; the agent tries again"
			}
			it.text(d.Message, false)
		})
	case run.ArtifactStored:
		err = fill(e, func(d run.Artifact) {
			it.Kind, it.Title = "note", "File kept"
			it.text(fmt.Sprintf("%s, %d bytes", d.Name, d.Bytes), false)
		})
	default: // turn.started, usage, diff and agent.item are shown elsewhere or not at all
		return item{}, false, nil
	}
	if err != nil {
		return item{}, false, fmt.Errorf("reading event %d: %w", e.Seq, err)
	}
	return it, true, nil
}

func fill[T any](e run.Event, with func(T)) error {
	var d T
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return err
	}
	with(d)
	return nil
}

// of makes the item the one that Codex knows by that id, in this attempt. Ids are
// the agent's: what they hold stands in no attribute.
func (it *item) of(kind, id string) {
	it.Kind = kind
	if id != "" {
		sum := sha256.Sum256([]byte(kind + "\x00" + id))
		it.ID = fmt.Sprintf("i%d-%s", it.Attempt, hex.EncodeToString(sum[:8]))
	}
}

func (it *item) ofItem(kind, title string, d run.TextData) {
	it.of(kind, d.ItemID)
	it.Title = title
	it.text(d.Text, d.Truncated)
}

func (it *item) text(s string, cut bool) {
	short, more := shorten(s, itemBytes)
	it.Text, it.Cut = plain.Text(short), cut || more
}

// shorten cuts s between characters.
func shorten(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}

// size is about how many bytes the item takes.
func (it *item) size() int {
	n := 500 + len(it.Text) + len(it.Command)
	for _, c := range it.Changes {
		for _, l := range c.Lines {
			n += 40 + len(l.Text)
		}
	}
	return n
}
