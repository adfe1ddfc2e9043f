package canon_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

type doc struct {
	Name  string            `json:"name"`
	Count int               `json:"count,omitzero"`
	List  []doc             `json:"list,omitempty"`
	Data  map[string]string `json:"data,omitempty"`
}

func TestMarshalIsCanonical(t *testing.T) {
	got, err := canon.Marshal(doc{Name: "a<b>&c", Count: 3, Data: map[string]string{"z": "1", "a": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"count\": 3,\n  \"data\": {\n    \"a\": \"2\",\n    \"z\": \"1\"\n  },\n  \"name\": \"a<b>&c\"\n}\n"
	if string(got) != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	tests := []struct {
		name, in     string
		line, column int
		pointer, why string
	}{
		{"unknown field", "{\n  \"name\": \"x\",\n  \"nmae\": 1\n}", 3, 3, "/nmae", `unknown field "nmae"`},
		{"unknown field in a list", `{"list":[{"name":"x"},{"x":1}]}`, 1, 24, "/list/1/x", `unknown field "x"`},
		{"duplicate key", "{\"name\":\"x\",\n\"name\":\"y\"}", 2, 1, "/name", `the key "name" stands twice`},
		{"trailing data", "{\"name\":\"x\"}\n{}", 2, 1, "", "after top-level value"},
		{"byte order mark", "\xef\xbb\xbf{}", 1, 1, "", "byte order mark"},
		{"not UTF-8", "{\"name\":\"\xff\"}", 1, 10, "", "not UTF-8"},
		{"wrong type", `{"name":1}`, 1, 2, "/name", "a number cannot stand here"},
		{"truncated", `{"name":"x"`, 1, 12, "", "not valid JSON"},
		{"empty", ``, 1, 1, "", "not valid JSON"},
		{"too deep", strings.Repeat("[", 10_000), 1, 65, "", "nested deeper than 64"},
		{"too deep behind a string", `{"name":"\"[[[","list":` + strings.Repeat("[", 100), 1, 87, "", "nested deeper than 64"},
		{"too large", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, 0, 0, "", "the limit is 65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d doc
			err := canon.Unmarshal("f.json", "D2", []byte(tt.in), &d, canon.Limits{Bytes: 1 << 16, Depth: 64})
			fs, ok := err.(fail.Findings)
			if !ok || len(fs) != 1 {
				t.Fatalf("error %v, want one finding", err)
			}
			f := fs[0]
			if f.Line != tt.line || f.Column != tt.column || f.Pointer != tt.pointer || !strings.Contains(f.Why, tt.why) || f.Hint == "" {
				t.Errorf("got %d:%d %q %q hint %q", f.Line, f.Column, f.Pointer, f.Why, f.Hint)
			}
		})
	}
}

func TestIdentityNamesItsInputs(t *testing.T) {
	a := []canon.Input{{Name: "x", Value: "1"}, {Name: "y", Value: "2"}}
	b := []canon.Input{{Name: "y", Value: "2"}, {Name: "x", Value: "1"}}
	if canon.Identity(a) != canon.Identity(b) {
		t.Error("order changes the identity")
	}
	if canon.Identity([]canon.Input{{Name: "x", Value: "1\n1:y"}}) == canon.Identity([]canon.Input{{Name: "x", Value: "1"}, {Name: "y"}}) {
		t.Error("two lists run together")
	}
	var names strings.Builder
	for in := range canon.MergeInputs(a, slices.Values([]canon.Input{{Name: "w", Value: "0"}, {Name: "x", Value: "2"}, {Name: "z", Value: "3"}})) {
		names.WriteString(in.Name + in.Value)
	}
	if names.String() != "w0x1x2y2z3" {
		t.Errorf("merged: %s", names.String())
	}
	got := canon.Changes(a, []canon.Input{{Name: "x", Value: "1"}, {Name: "y", Value: "3"}, {Name: "z", Value: "4"}})
	if len(got) != 2 || got[0] != (canon.Change{Name: "y", Before: "2", After: "3"}) || got[1] != (canon.Change{Name: "z", After: "4"}) {
		t.Errorf("changes: %v", got)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"name":"x","list":[{"name":"y"}]}`))
	f.Add([]byte(strings.Repeat(`{"list":[`, 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d doc
		if canon.Unmarshal("f", "D2", data, &d, canon.Limits{Bytes: 1 << 16, Depth: 64}) != nil {
			return
		}
		out, err := canon.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again doc
		if err := canon.Unmarshal("f", "D2", out, &again, canon.Limits{Bytes: 1 << 20, Depth: 64}); err != nil {
			t.Fatalf("canonical bytes are refused: %v\n%s", err, out)
		}
		if out2, _ := canon.Marshal(again); string(out) != string(out2) {
			t.Fatalf("not stable:\n%s\n%s", out, out2)
		}
	})
}
