package page

import (
	"bytes"
	"html/template"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func event(t *testing.T, seq int64, kind run.EventType, data any) run.Event {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return run.Event{Seq: seq, Attempt: 1, Time: time.Unix(1700000000, 0), Type: kind, Data: raw}
}

// TestTimelineIsBounded: whatever an agent says, a page holds so much and no more.
func TestTimelineIsBounded(t *testing.T) {
	var tl timeline
	long := strings.Repeat("+x\n", 20_000)
	for i := range 1000 {
		for _, e := range []run.Event{
			event(t, int64(2*i), run.FileChange, run.FileData{Changes: []run.PathChange{{Diff: long}, {Diff: long}}}),
			event(t, int64(2*i+1), run.MessageDelta, run.TextData{ItemID: "m", Text: long}),
		} {
			if err := tl.add(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	size := 0
	for _, it := range tl.Items {
		if len(it.Text) > itemBytes {
			t.Errorf("an item has %d bytes", len(it.Text))
		}
		size += it.size()
	}
	if size > timelineBytes || size != tl.size || !tl.Dropped {
		t.Errorf("%d bytes in %d items, counted %d, dropped %v", size, len(tl.Items), tl.size, tl.Dropped)
	}
}

func TestSafeNext(t *testing.T) {
	for in, want := range map[string]string{
		"/ui/runs/x?after=3":     "/ui/runs/x?after=3",
		"":                       "/ui/runs",
		"/v1/runs":               "/ui/runs",
		"//evil.example/ui/runs": "/ui/runs",
		"https://evil.example":   "/ui/runs",
		"/\\evil.example":        "/ui/runs",
		"javascript:alert(1)":    "/ui/runs",
		"/ui/\r\nX: y":           "/ui/runs",
	} {
		if got := safeNext(in); got != want {
			t.Errorf("safeNext(%q) = %q, want %q", in, got, want)
		}
	}
}

var allTypes = []run.EventType{
	run.StateChanged, run.AgentSession, run.TurnCompleted, run.MessageDelta, run.Message, run.Reasoning, run.CommandStarted, run.CommandOutput,
	run.CommandCompleted, run.FileChange, run.Diff, run.Plan, run.Usage, run.Approval, run.Warning, run.Error, run.ArtifactStored, run.AgentItem,
}

// FuzzItem: whatever stands in an event, its HTML has the elements and attributes of
// the templates and no others, and no character that is not seen.
func FuzzItem(f *testing.F) {
	templates := template.Must(template.New("").Funcs(functions(readAssets())).ParseFS(pages, "html/*.html"))
	f.Add("<img src=x onerror=alert(1)>\"' {{.}} \u202e\x1b]0;x\a", "</pre><script>")
	f.Fuzz(func(t *testing.T, a, b string) {
		data := map[string]any{}
		for _, k := range []string{
			"itemId", "text", "command", "dir", "status", "output", "state", "reason", "message", "error", "subject", "method", "decision",
			"codexVersion", "model", "provider", "name", "code", "threadId", "mediaType", "sha256",
		} {
			data[k] = strings.ToValidUTF8(a, "?")
		}
		data["changes"] = []any{map[string]string{"path": strings.ToValidUTF8(b, "?"), "kind": strings.ToValidUTF8(a, "?"), "diff": strings.ToValidUTF8(b, "?")}}
		for _, kind := range allTypes {
			var tl timeline
			if err := tl.add(event(t, 7, kind, data)); err != nil {
				t.Fatal(err)
			}
			for _, it := range tl.Items {
				var out bytes.Buffer
				if err := templates.ExecuteTemplate(&out, "item", it); err != nil {
					t.Fatal(err)
				}
				wantTame(t, out.String())
			}
			if tl.Diff != nil {
				var out bytes.Buffer
				if err := templates.ExecuteTemplate(&out, "changes", tl.Diff); err != nil {
					t.Fatal(err)
				}
				wantTame(t, out.String())
			}
		}
	})
}

func wantTame(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && r != '\t' && r != '\u200c' && r != '\u200d' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) {
			t.Errorf("%U in %q", r, text)
		}
	}
	z := html.NewTokenizer(strings.NewReader(text))
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type != html.StartTagToken && tok.Type != html.SelfClosingTagToken {
			continue
		}
		switch tok.DataAtom {
		case atom.Li, atom.Article, atom.H2, atom.H3, atom.Time, atom.Pre, atom.P, atom.Span, atom.Code, atom.Details, atom.Summary, atom.Section:
		default:
			t.Errorf("<%s> in %q", tok.Data, text)
		}
		for _, attr := range tok.Attr {
			switch attr.Key {
			case "id", "class", "aria-labelledby", "datetime", "open", "data-append":
				if strings.ContainsAny(attr.Val, "<>\"'=\n") {
					t.Errorf("%s=%q in %q", attr.Key, attr.Val, text)
				}
			default:
				t.Errorf("the attribute %s in %q", attr.Key, text)
			}
		}
	}
	if err := z.Err(); err != io.EOF {
		t.Error(err)
	}
}
