package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// texts are strings that a careless printer would let a reader take for
// something else.
var texts = []string{
	"", " ", "a", "y", "No", "on", "NULL", "~", "true", "1", "0x1f", "0o17", "1e3", "1_000", "12:30:45", "2001-01-01", ".inf", "-.NaN", "-", "--", "---", "--- a", "...",
	"- a", "-a", "--verbose", "?", ": ", "a: b", "a:", "a :b", "a #b", "#a", "@a", "`a", "%a", "!a", "&a", "*a", "[a", "{a", "a,b", "|", ">", "'", `"`, `\`, "=", "<<",
	"127.0.0.1:5000/a/b@sha256:00", "256Mi", "50m", "1i", "0b1m", "10.43.0.0/16", "0123456789012345678901234567890123456789",
	"a\nb", "a\nb\n", "a\n\nb\n", "\na", "a\n\n", " a\nb", "a\n b\n", "a \nb", "a\n ", "a\tb\nc", "\ta\nb", "a\r\nb", "---\na", "a\n---\nb\n", "a\n...\n", "# a\n", "%YAML\nb",
	"ü", "日本\n語", "\u0085", "\u2028a", "a\u00a0b", "\ufeff", "\x00", "\x7f", "\U0001f600", "a\u200bb", "<>&",
}

func TestYAMLReadsBackAsWritten(t *testing.T) {
	for _, text := range texts {
		readBack(t, text, text)
	}
}

func TestYAMLReadsBackWhateverIsWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		piece := rapid.OneOf(rapid.SampledFrom(texts), rapid.String(), rapid.StringMatching(`[ \n:#a0'"-]{0,8}`))
		key := strings.Join(rapid.SliceOfN(piece, 1, 2).Draw(rt, "key"), "")
		value := strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(rt, "value"), "")
		readBack(rt, key, value)
	})
}

func FuzzYAML(f *testing.F) {
	for _, text := range texts {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, key, value string) { readBack(t, key, value) })
}

// readBack prints an object that holds the texts as a key, as values and in
// lists, alone and beside others, and reads it with both YAML libraries.
func readBack(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, key, value string,
) {
	t.Helper()
	key = key[:min(len(key), 317)] // the longest key that Kubernetes takes; YAML ends at 1024
	pod := &corev1.Pod{TypeMeta: kind("v1", "Pod")}
	pod.Labels = map[string]string{key: value, "z": "z"}
	pod.Finalizers = []string{value, value}
	pod.Spec.Containers = []corev1.Container{{Name: value, Args: []string{value}}, {Args: []string{"a", value}}}
	data, err := encode([]object{pod})
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	asJSON, err := json.Marshal(pod)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	var want map[string]any
	if err := json.Unmarshal(asJSON, &want); err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	delete(want, "status")
	for name, read := range map[string]func([]byte, any) error{
		"sigs.k8s.io/yaml":   func(b []byte, v any) error { return yaml.UnmarshalStrict(b, v) },
		"go.yaml.in/yaml/v3": func(b []byte, v any) error { return yaml3.Unmarshal(b, v) },
	} {
		var got map[string]any
		if err := read(data, &got); err != nil {
			t.Fatalf("%s cannot read %q as %q: %v\n%s", name, value, key, err, data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s reads %q as %q differently: %s\n%s", name, value, key, diff, data)
		}
	}
}

func TestYAMLLeavesOutWhatTheClusterFillsIn(t *testing.T) {
	data, err := encode([]object{&corev1.Namespace{TypeMeta: kind("v1", "Namespace")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, noise := range []string{"status", "creationTimestamp", "spec", "null"} {
		if bytes.Contains(data, []byte(noise)) {
			t.Errorf("%s in\n%s", noise, data)
		}
	}
}
