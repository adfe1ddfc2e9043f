package runner

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

const description = `{
  "apiVersion": "agentrun.dev/v1",
  "kind": "Job",
  "runId": "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f",
  "attempt": 1,
  "prompt": "say hello",
  "workspace": "/workspace",
  "codexHome": "/codex-home",
  "deadlineSeconds": 3600
}
`

func TestParseJob(t *testing.T) {
	got, err := parseJob("job.json", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	want := Job{
		APIVersion: APIVersion, Kind: Kind,
		RunID: "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f", Attempt: 1, Prompt: "say hello",
		Workspace: "/workspace", CodexHome: "/codex-home", DeadlineSeconds: 3600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseJobRefuses(t *testing.T) {
	tests := []struct{ name, old, new, why string }{
		{"another version", "agentrun.dev/v1", "agentrun.dev/v2", `job.json:2:3: /apiVersion: is "agentrun.dev/v2"`},
		{"another kind", `"Job"`, `"Run"`, `job.json:3:3: /kind: is "Run"`},
		{"no UUID", "0192f0c4-", "", "job.json:4:3: /runId: is missing or not a UUID"},
		{"UUID in upper case", "0192f0c4", "0192F0C4", "/runId: is missing or not a UUID"},
		{"UUID of nobody", "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f", "00000000-0000-0000-0000-000000000000", "/runId: is missing or not a UUID"},
		{"attempt 0", `"attempt": 1`, `"attempt": 0`, "job.json:5:3: /attempt: is 0"},
		{"attempt 101", `"attempt": 1`, `"attempt": 101`, "/attempt: is 101"},
		{"attempt of letters", `"attempt": 1`, `"attempt": "one"`, "/attempt: a string cannot stand here"},
		{"attempt and a half", `"attempt": 1`, `"attempt": 1.5`, "/attempt: a number cannot stand here"},
		{"blank prompt", "say hello", ` \n\t `, "job.json:6:3: /prompt: is missing or blank"},
		{"long prompt", "say hello", strings.Repeat("x", MaxPromptBytes+1), "/prompt: has 262145 bytes"},
		{"NUL in the prompt", "say hello", `a\u0000b`, "/prompt: holds a NUL character"},
		{"relative workspace", `"/workspace"`, `"workspace"`, `job.json:7:3: /workspace: is "workspace"`},
		{"workspace that climbs", `"/workspace"`, `"/workspace/../etc"`, `/workspace: is "/workspace/../etc"`},
		{"workspace everywhere", `"/workspace"`, `"/"`, `/workspace: is "/"`},
		{"home in the workspace", `"/codex-home"`, `"/workspace/.codex"`, "/codexHome: lies in the workspace"},
		{"workspace in the home", `"/workspace"`, `"/codex-home/work"`, "/codexHome: lies in the workspace, or the workspace in it"},
		{"the same folder", `"/codex-home"`, `"/workspace"`, "/codexHome: lies in the workspace"},
		{"no deadline", ",\n  \"deadlineSeconds\": 3600", "", "job.json: /deadlineSeconds: is 0"},
		{"deadline of two days", "3600", "172800", "job.json:9:3: /deadlineSeconds: is 172800"},
		{"unknown field", `"kind"`, `"image": "x", "kind"`, `job.json:3:3: /image: unknown field "image"`},
		{"a key twice", `"kind"`, `"attempt": 2, "kind"`, `the key "attempt" stands twice`},
		{"trailing data", "\n}\n", "\n}\n{}", "job.json:11:1: not valid JSON"},
		{"truncated", "\n}\n", "", "not valid JSON"},
		{"not JSON", description, "prompt: say hello", "job.json:1:1: not valid JSON"},
		{"empty", description, "", "job.json:1:1: not valid JSON"},
		{"byte order mark", description, "\ufeff" + description, "byte order mark"},
		{"a list", description, "[]", "a list cannot stand here"},
		{"nested without end", description, strings.Repeat("[", 100_000), "nested deeper than 4"},
		{"too large", description, strings.Repeat(" ", documentBytes) + description, "the limit is 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseJob("job.json", []byte(strings.Replace(description, tt.old, tt.new, 1)))
			if fail.CodeOf(err) != BadConfig || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "hint: ") {
				t.Errorf("got %v (exit code %d), want %q", err, fail.CodeOf(err), tt.why)
			}
			if err != nil && len(err.Error()) > 1<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestParseJobNamesEveryProblem(t *testing.T) {
	_, err := parseJob("job.json", []byte("{}"))
	found, ok := errors.AsType[fail.Findings](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range found {
		fields = append(fields, f.Pointer)
	}
	want := []string{"/apiVersion", "/attempt", "/codexHome", "/deadlineSeconds", "/kind", "/prompt", "/runId", "/workspace"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseJob(f *testing.F) {
	f.Add([]byte(description))
	f.Add([]byte(strings.Replace(description, "hello", `\ud83d\ude00`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		job, err := parseJob("job.json", data)
		if err != nil {
			if fail.CodeOf(err) != BadConfig {
				t.Fatalf("exit code %d: %v", fail.CodeOf(err), err)
			}
			return
		}
		out, err := canon.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseJob("job.json", out)
		if err != nil || again != job {
			t.Fatalf("written again it is %v, %v", fmt.Sprint(again), err)
		}
	})
}
