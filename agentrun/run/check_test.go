package run_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func TestRequestCheck(t *testing.T) {
	many := map[string]string{}
	for i := range run.MaxLabels + 1 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	tests := []struct {
		name   string
		in     run.Request
		fields []string
	}{
		{"as short as can be", run.Request{Prompt: "x"}, nil},
		{"every control character", run.Request{Prompt: "x\x00\x01\x1b\r\n\x7f\u2028"}, nil},
		{"labels", run.Request{Prompt: "x", Labels: map[string]string{"team": "a", "example.com/x": ""}}, nil},
		{"blank", run.Request{Prompt: " \t\n\u00a0"}, []string{"prompt"}},
		{"not UTF-8", run.Request{Prompt: "a\xff"}, []string{"prompt"}},
		{"long", run.Request{Prompt: strings.Repeat("x", run.MaxPromptBytes+1)}, []string{"prompt"}},
		{"profile", run.Request{Prompt: "x", Profile: "No Such"}, []string{"profile"}},
		{"label key", run.Request{Prompt: "x", Labels: map[string]string{"a b": "v"}}, []string{"labels"}},
		{"label value", run.Request{Prompt: "x", Labels: map[string]string{"a": "v\x00"}}, []string{"labels.a"}},
		{"labels without end", run.Request{Prompt: "x", Labels: many}, []string{"labels"}},
		{"all at once", run.Request{Priority: 101, MaxAttempts: 11, Deadline: -1}, []string{"prompt", "priority", "maxAttempts", "deadlineSeconds"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.fields, fields(tt.in.Check())); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestReportCheck(t *testing.T) {
	at := time.Unix(1, 0)
	event := func(kind run.EventType, data string) run.Report {
		return run.Report{First: 1, Events: []run.RunnerEvent{{Time: at, Type: kind, Data: json.RawMessage(data)}}}
	}
	tests := []struct {
		name   string
		in     run.Report
		fields []string
	}{
		{"known", event(run.Message, `{}`), nil},
		{"of a newer runner", event("some.thing_new", `{"a":1}`), nil},
		{"nothing", run.Report{}, []string{"first", "events"}},
		{"too many", run.Report{First: 1, Events: make([]run.RunnerEvent, run.MaxReportEvents+1)}, []string{"events", "events[0]"}},
		{"the manager's", event(run.StateChanged, `{}`), []string{"events[0]"}},
		{"lines in the type", event("a\ndata: x", `{}`), []string{"events[0]"}},
		{"no object", event(run.Message, `[]`), []string{"events[0]"}},
		{"large", event(run.Message, `{"a":"`+strings.Repeat("x", run.MaxEventBytes)+`"}`), []string{"events[0]"}},
		{"no time", run.Report{First: 1, Events: []run.RunnerEvent{{Type: run.Message, Data: json.RawMessage(`{}`)}}}, []string{"events[0]"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.fields, fields(tt.in.Check())); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestEndingAndProfileCheck(t *testing.T) {
	if f := run.DefaultProfile().Check(); len(f) > 0 {
		t.Errorf("the default profile has flaws: %v", f)
	}
	want := []string{"name", "approvalPolicy", "approvals", "sandbox", "deadlineSeconds", "stallSeconds", "maxAttempts"}
	if diff := cmp.Diff(want, fields(run.Profile{}.Check())); diff != "" {
		t.Error(diff)
	}
	for _, e := range []run.Ending{{State: run.Succeeded}, {State: run.Failed, Reason: run.Stalled}} {
		if f := e.Check(); len(f) > 0 {
			t.Errorf("%+v has flaws: %v", e, f)
		}
	}
	for _, e := range []run.Ending{{State: run.Running}, {State: run.Failed}, {State: run.Failed, Reason: "tired"}, {State: run.Succeeded, Reason: run.Stalled}, {State: run.Succeeded, DurationMS: -1}} {
		if len(e.Check()) != 1 {
			t.Errorf("%+v has flaws: %v", e, e.Check())
		}
	}
}

func fields(flaws []run.Flaw) []string {
	var all []string
	for _, f := range flaws {
		all = append(all, f.Field)
	}
	return all
}
