package fields_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fields"
)

func pairs(text string) []string {
	var out []string
	for f := range fields.In([]byte(text)) {
		out = append(out, f.Key+"="+f.Value)
	}
	return out
}

func TestInReadsEveryNotation(t *testing.T) {
	want := []string{"kind=Catalog", "lane=v0.1"}
	for name, text := range map[string]string{
		"pretty JSON":       "{\n  \"kind\": \"Catalog\",\n  \"lane\": \"v0.1\"\n}",
		"minified JSON":     `{"kind":"Catalog","lane":"v0.1"}`,
		"escaped JSON":      `"{\"kind\":\"Catalog\",\"lane\":\"v0.1\"}"`,
		"twice escaped":     `{\\\"kind\\\":\\\"Catalog\\\",\\\"lane\\\":\\\"v0.1\\\"}`,
		"YAML":              "kind: Catalog\nlane: 'v0.1'\n",
		"YAML, tagged":      "kind: !!str Catalog\nlane: &x v0.1\n",
		"flow YAML":         "{kind: Catalog, lane: v0.1}",
		"list in YAML":      "- kind: Catalog\n  lane: v0.1",
		"commented":         "// kind: Catalog\n#lane: v0.1",
		"TOML":              "kind = \"Catalog\"\nlane = \"v0.1\"",
		"shell":             "kind=Catalog\nexport lane=\"v0.1\"",
		"Go":                "kind: \"Catalog\",\nlane := `v0.1`",
		"YAML block":        "kind: |-\n  Catalog\nlane: >\n  v0.1\n",
		"Windows line ends": "kind: Catalog\r\nlane: v0.1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, pairs(text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestInLooksIntoValues(t *testing.T) {
	want := []string{`data={\"kind\":\"Secret\"}`, "kind=Secret"}
	got := pairs(`data: "{\"kind\":\"Secret\"}"`)
	if diff := cmp.Diff(want[1:], got[1:]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestInCountsParts(t *testing.T) {
	var parts []int
	for f := range fields.In([]byte("a: 1\n---\na: 2\n```yaml\na: 3\n```\na: 4\n")) {
		parts = append(parts, f.Part)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3}, parts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWithin(t *testing.T) {
	for name, text := range map[string]string{
		"minified": `{"outer":{"a":1,"b":{"c":2}},"after":3}`,
		"pretty":   "{\n  \"outer\": {\n    \"a\": 1,\n    \"b\": {\n      \"c\": 2\n    }\n  },\n  \"after\": 3\n}",
		"YAML":     "outer:\n  a: 1\n  b:\n    c: 2\nafter: 3\n",
		"flow":     "outer: {a: 1, b: {c: 2}}\nafter: 3",
		"escaped":  `"outer:\n  a: 1\n  b:\n    c: 2\nafter: 3\n"`,
	} {
		var outer fields.Field
		var within []string
		for f := range fields.In([]byte(text)) {
			if f.Key == "after" && !f.Beside(outer) {
				t.Errorf("%s: after is not beside outer", name)
			}
			if f.Key == "outer" {
				outer = f
			} else if f.Within(outer) {
				within = append(within, f.Key)
			}
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, within); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestBase64(t *testing.T) {
	text := strings.Repeat("all of this is text\n", 20)
	long := base64.StdEncoding.EncodeToString([]byte(text))
	var wrapped strings.Builder
	for rest := long; rest != ""; {
		n := min(76, len(rest))
		wrapped.WriteString("  " + rest[:n] + "\r\n")
		rest = rest[n:]
	}
	for name, data := range map[string]string{
		"one line": "x: " + long, "before a key": "x: " + strings.TrimRight(long, "=") + "\nname: z\n", "wrapped": "x: |\n" + wrapped.String() + "y: z\n", "URL alphabet": `"` + base64.RawURLEncoding.EncodeToString([]byte(text)) + `"`,
	} {
		found := false
		for at, decoded := range fields.Base64([]byte(data)) {
			found = found || string(decoded) == text && at >= 1
		}
		if !found {
			t.Errorf("%s: not found", name)
		}
	}
}

func FuzzIn(f *testing.F) {
	f.Add([]byte(`{"kind": "Catalog", 'a'=\"b\"`))
	f.Add([]byte("a: &x &y !z\n---\n"))
	f.Add([]byte(strings.Repeat("a:", 500)))
	f.Fuzz(func(t *testing.T, text []byte) {
		last := -1
		for field := range fields.In(text) {
			if field.Offset <= last || !strings.HasPrefix(string(text[field.Offset:]), field.Key) || len(field.Value) > fields.MaxValue {
				t.Fatalf("field %+v after offset %d", field, last)
			}
			last = field.Offset
		}
		last = -1
		for at, decoded := range fields.Base64(text) {
			if at <= last || len(decoded) > len(text) {
				t.Fatalf("%d bytes at %d after %d", len(decoded), at, last)
			}
			last = at
		}
	})
}
