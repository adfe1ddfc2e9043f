package codex

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		line, id, method  string
		request, response bool
		bad               bool
	}{
		{line: `{"id":0,"method":"item/commandExecution/requestApproval","params":{}}`, id: "0", method: "item/commandExecution/requestApproval", request: true},
		{line: `{"id":"e-1","method":"x"}`, id: `"e-1"`, method: "x", request: true},
		{line: `{"id":0,"result":{}}`, id: "0", response: true},
		{line: `{"id":2,"error":{"code":-32600,"message":"no"}}`, id: "2", response: true},
		{line: ` {"method":"turn/started","params":{"later":1},"emittedAtMs":5,"jsonrpc":"2.0"}` + "\r", method: "turn/started"},
		{line: `{"id":null,"method":"turn/started"}`, method: "turn/started"},
		{line: `{"method":"a","method":"b"}`, method: "b"}, // said twice
		{line: "{\"method\":\"\xff\"}", method: "\uFFFD"},
		{line: ``, bad: true},
		{line: `thread 'main' panicked`, bad: true},
		{line: `{"method":`, bad: true},
		{line: `{}`, bad: true},
		{line: `{"id":null}`, bad: true},
		{line: `{"id":[1],"method":"x"}`, bad: true},
		{line: `{"id":true,"method":"x"}`, bad: true},
		{line: `[{"method":"x"}]`, bad: true},
		{line: `{"method":"x"} {"method":"y"}`, bad: true},
	}
	for _, tt := range tests {
		m, err := parse([]byte(tt.line))
		if tt.bad {
			if err == nil {
				t.Errorf("%s is taken for %+v", tt.line, m)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		if string(m.ID) != tt.id || m.Method != tt.method || m.IsRequest() != tt.request || m.IsResponse() != tt.response {
			t.Errorf("%s is taken for %+v", tt.line, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":0,"method":"x","params":{"item":{"type":"agentMessage"}}}`))
	f.Add([]byte(`{"id":"a","error":{"code":1,"message":"no"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parse(line)
		if err != nil {
			return
		}
		if m.IsRequest() && m.IsResponse() || m.Method == "" && len(m.ID) == 0 {
			t.Errorf("%q is taken for %+v", line, m)
		}
		for _, into := range []any{new(ItemNote), new(RawItemNote), new(TurnNote), new(DeltaNote), new(PlanNote), new(UsageNote), new(ErrorNote), new(ApprovalNote)} {
			_ = m.Decode(into) // must not panic
		}
	})
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader,
	} {
		l := newLines(wrap(strings.NewReader("one\n\n" + long + "\nof a program that was killed")))
		var got []string
		for {
			line, err := l.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			got = append(got, string(line))
		}
		if diff := cmp.Diff([]string{"one", "", long}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLinesAreBounded(t *testing.T) {
	l := newLines(io.MultiReader(bytes.NewReader(make([]byte, 1000)), strings.NewReader("\n")))
	l.limit = 1001
	if line, err := l.next(); err != nil || len(line) != 1000 {
		t.Errorf("%d bytes, %v", len(line), err)
	}
	l = newLines(endless{})
	l.limit = 1 << 20
	if _, err := l.next(); !errors.Is(err, ErrLineTooLong) {
		t.Errorf("a line that does not end gives %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

// FuzzLines: the lines are those of the text, whatever the pieces are in which it comes.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\n\ntwo\nrest"), 10)
	f.Add([]byte("a line that is too long\n"), 4)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		limit = min(max(limit, 1), 1<<20)
		for _, from := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text))} {
			l := newLines(from)
			l.limit = limit
			rest := text
			for {
				line, err := l.next()
				want, after, whole := bytes.Cut(rest, []byte("\n"))
				switch {
				case errors.Is(err, ErrLineTooLong):
					if len(want) < limit {
						t.Fatalf("%q is too long for %d", want, limit)
					}
				case err != nil:
					if whole {
						t.Fatalf("%v before %q", err, rest)
					}
				case !whole || !bytes.Equal(line, want) || len(line) >= limit:
					t.Fatalf("%q instead of %q", line, want)
				}
				if err != nil {
					break
				}
				rest = after
			}
		}
	})
}
