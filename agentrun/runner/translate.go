package runner

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// translator turns what Codex says into events, and remembers what the end of the
// attempt needs. It is pure but for its two outlets.
type translator struct {
	now    func() time.Time
	redact *redactor
	put    func(run.RunnerEvent)
	keep   func(name, mediaType, text string) // a whole text that an event has only the beginning of

	open   map[string]codex.Item // items that have begun
	deltas map[string]*delta     // texts that go on, by item
	final  string                // the agent's last message
	diff   string
	usage  run.UsageData
}

// delta is what has not been reported yet of a text that goes on.
type delta struct {
	event run.EventType
	text  string
}

func newTranslator(now func() time.Time, redact *redactor, put func(run.RunnerEvent), keep func(name, mediaType, text string)) *translator {
	return &translator{now: now, redact: redact, put: put, keep: keep, open: map[string]codex.Item{}, deltas: map[string]*delta{}}
}

// emit reports an event whose data has no long text.
func (t *translator) emit(kind run.EventType, data any) {
	t.emitText(kind, "", "", func(string, bool) any { return data })
}

// emitText reports an event with a text that may be too long for it; then the whole
// is kept as an artifact if that has a name.
func (t *translator) emitText(kind run.EventType, text, artifact string, data func(text string, cut bool) any) {
	encoded, missing, err := fit(text, data)
	if err == nil {
		// Whatever Codex has words for, an id or a status, may hold a credential too.
		encoded, err = t.redact.encoded(encoded)
	}
	if err != nil || len(encoded) > run.MaxEventBytes {
		encoded, _ = json.Marshal(run.TextData{Text: fmt.Sprintf("an event of type %s was too large to be reported", kind), Truncated: true})
		kind = run.Warning
	}
	if missing && artifact != "" {
		t.keep(artifact, "text/plain; charset=utf-8", text)
	}
	t.put(run.RunnerEvent{Time: t.now(), Type: kind, Data: encoded})
}

func (t *translator) text(kind run.EventType, item, text string) {
	t.emitText(kind, text, nameFor(string(kind), t.redact.text(item)), func(text string, cut bool) any {
		return run.TextData{ItemID: item, Text: text, Truncated: cut}
	})
}

// commandRuns reports whether a command is under way: then silence is no stall.
func (t *translator) commandRuns() bool {
	for _, item := range t.open {
		if item.Type == "commandExecution" {
			return true
		}
	}
	return false
}

// notification takes a notification that is not of the turn itself. One that is not
// as it should be is reported as a warning: the run goes on.
func (t *translator) notification(m *codex.Message) {
	var err error
	switch m.Method {
	case codex.ItemStarted, codex.ItemCompleted:
		var n codex.ItemNote
		if err = m.Decode(&n); err == nil {
			err = t.item(m, n.Item)
		}
	case codex.MessageDelta, codex.OutputDelta:
		var n codex.DeltaNote
		if err = m.Decode(&n); err == nil {
			t.grow(m.Method, n)
		}
	case codex.DiffUpdated:
		var n codex.DiffNote
		if err = m.Decode(&n); err == nil {
			t.changed(n.Diff)
		}
	case codex.PlanUpdated:
		var n codex.PlanNote
		if err = m.Decode(&n); err == nil {
			t.text(run.Plan, "", t.redact.text(planText(n)))
		}
	case codex.UsageUpdated:
		var n codex.UsageNote
		if err = m.Decode(&n); err == nil {
			t.used(n.Usage.Total)
		}
	case codex.ErrorRaised:
		var n codex.ErrorNote
		if err = m.Decode(&n); err == nil {
			_, word := reasonFor(&n.Error)
			t.emitText(run.Error, t.redact.text(n.Error.Message), "", func(text string, _ bool) any {
				return run.ErrorData{Message: text, Code: t.redact.text(word), WillRetry: n.WillRetry}
			})
		}
	case codex.Warning, codex.ConfigWarning, codex.Deprecation:
		var n codex.WarningNote
		if err = m.Decode(&n); err == nil {
			text := strings.TrimSpace(cmp.Or(n.Message, n.Summary) + "\n" + n.Details)
			t.text(run.Warning, "", t.redact.text(text))
		}
	}
	if err != nil {
		t.text(run.Warning, "", err.Error())
	}
}

// grow adds to a text that goes on. It is reported when flush comes, so that a fast
// model does not make an event of each word.
func (t *translator) grow(method string, n codex.DeltaNote) {
	d := t.deltas[n.ItemID]
	if d == nil {
		d = &delta{event: run.MessageDelta}
		if method == codex.OutputDelta {
			d.event = run.CommandOutput
		}
		t.deltas[n.ItemID] = d
	}
	if d.text += n.Delta; len(d.text) > run.MaxEventBytes/4 {
		t.flushOne(n.ItemID, d)
	}
}

// flush reports what has grown since. Ends that may be the beginning of a credential
// wait.
func (t *translator) flush() {
	for _, id := range slices.Sorted(maps.Keys(t.deltas)) {
		t.flushOne(id, t.deltas[id])
	}
}

func (t *translator) flushOne(id string, d *delta) {
	now, later := t.redact.ready(d.text)
	d.text = later
	for now != "" {
		piece := cut(now, run.MaxEventBytes/8) // room for its encoding, so that nothing is cut off
		now = now[len(piece):]
		t.emit(d.event, run.TextData{ItemID: id, Text: strings.ToValidUTF8(piece, "\uFFFD")})
	}
}

// settle reports the rest of a text that does not go on.
func (t *translator) settle(id string) {
	d := t.deltas[id]
	if d == nil {
		return
	}
	delete(t.deltas, id)
	t.flushOne(id, d)
	if d.text != "" {
		t.emit(d.event, run.TextData{ItemID: id, Text: strings.ToValidUTF8(t.redact.text(d.text), "\uFFFD")})
	}
}

// item takes an item that has begun or ended.
func (t *translator) item(m *codex.Message, item codex.Item) error {
	ended := m.Method == codex.ItemCompleted
	if item.Type == "" {
		return errors.New("an item from Codex has no type")
	}
	if ended {
		t.settle(item.ID)
		delete(t.open, item.ID)
	} else {
		t.open[item.ID] = codex.Item{Type: item.Type, ID: item.ID, Command: item.Command, Dir: item.Dir}
	}
	switch item.Type {
	case "userMessage":
	case "agentMessage":
		if ended {
			t.final = t.redact.text(item.Text)
			t.text(run.Message, item.ID, t.final)
		}
	case "reasoning":
		if text := reasoningText(item); ended && text != "" {
			t.text(run.Reasoning, item.ID, t.redact.text(text))
		}
	case "plan":
		if ended {
			t.text(run.Plan, item.ID, t.redact.text(item.Text))
		}
	case "exitedReviewMode":
		if ended {
			t.final = t.redact.text(item.Review)
			t.text(run.Message, item.ID, t.final)
		}
	case "commandExecution":
		t.command(item, ended)
	case "fileChange":
		if ended {
			t.files(item)
		}
	default:
		if ended {
			return t.other(item, m)
		}
	}
	return nil
}

func (t *translator) command(item codex.Item, ended bool) {
	command := cut(t.redact.text(item.Command), run.MaxEventBytes/8)
	data := run.CommandData{ItemID: item.ID, Command: command, Dir: t.redact.text(item.Dir), Status: item.Status}
	if !ended {
		t.emit(run.CommandStarted, data)
		return
	}
	data.ExitCode = item.ExitCode
	output := ""
	if item.Output != nil {
		output = t.redact.text(*item.Output)
	}
	t.emitText(run.CommandCompleted, output, nameFor("output", t.redact.text(item.ID)), func(text string, cut bool) any {
		data.Output, data.Truncated = text, cut
		return data
	})
}

func (t *translator) files(item codex.Item) {
	data := run.FileData{ItemID: item.ID, Status: item.Status}
	for _, c := range item.Changes {
		data.Changes = append(data.Changes, run.PathChange{Path: t.redact.text(c.Path), Kind: c.Kind.Type, Diff: t.redact.text(c.Diff)})
	}
	if encoded, err := json.Marshal(data); err != nil || len(encoded) > run.MaxEventBytes {
		for i := range data.Changes { // they are in the whole diff anyway
			data.Changes[i].Diff = ""
		}
	}
	t.emit(run.FileChange, data)
}

// other takes an item of a kind that has no event of its own.
func (t *translator) other(item codex.Item, m *codex.Message) error {
	var n codex.RawItemNote
	if err := m.Decode(&n); err != nil {
		return err
	}
	text := t.redact.text(string(n.Item))
	value := jsontext.Value(text)
	if !value.IsValid(jsontext.AllowDuplicateNames(true)) || len(text) > run.MaxEventBytes/2 {
		value = nil
	}
	t.emit(run.AgentItem, struct {
		ItemID string         `json:"itemId"`
		Type   string         `json:"type"`
		Item   jsontext.Value `json:"item,omitzero"`
	}{item.ID, item.Type, value})
	return nil
}

// changed takes the whole diff. Codex makes it from the agent's patches, without looking at
// the files, and says it again with each of them, and sometimes without one.
func (t *translator) changed(diff string) {
	if diff = t.redact.text(diff); diff == t.diff {
		return
	}
	t.diff = diff
	t.text(run.Diff, "", diff)
}

func (t *translator) used(n codex.Tokens) {
	t.usage = run.UsageData{
		InputTokens: n.Input, CachedInputTokens: n.Cached, OutputTokens: n.Output, ReasoningTokens: n.Reasoning, TotalTokens: n.Total,
	}
	t.emit(run.Usage, t.usage)
}

// close ends the items that Codex will not end any more.
func (t *translator) close() {
	for _, id := range slices.Sorted(maps.Keys(t.deltas)) {
		t.settle(id)
	}
	for _, id := range slices.Sorted(maps.Keys(t.open)) {
		if item := t.open[id]; item.Type == "commandExecution" {
			item.Status = "interrupted"
			t.command(item, true)
		}
	}
	clear(t.open)
}

func planText(n codex.PlanNote) string {
	var b strings.Builder
	b.WriteString(n.Explanation)
	for _, step := range n.Plan {
		mark := " "
		switch step.Status {
		case "completed":
			mark = "x"
		case "inProgress":
			mark = ">"
		}
		fmt.Fprintf(&b, "\n[%s] %s", mark, step.Step)
	}
	return strings.TrimSpace(b.String())
}

func reasoningText(item codex.Item) string {
	parts := slices.Clone(item.Summary)
	if content, ok := item.Content.([]any); ok && len(parts) == 0 {
		for _, part := range content {
			if text, ok := part.(string); ok {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, "\n\n")
}

// nameFor is the name of the artifact that has the whole of an item's text; "" for
// what has no item.
func nameFor(kind, item string) string {
	if item == "" {
		return ""
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, item)
	return strings.ReplaceAll(kind, ".", "-") + "-" + cut(safe, 80) + ".txt"
}
