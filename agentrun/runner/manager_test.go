package runner

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// token is what the test's runner authenticates with.
const token = "a-token-of-the-pod-0123456789"

// manager is the runner API of the manager, strictly: what is out of order fails the
// test.
type manager struct {
	*httptest.Server
	t    *testing.T
	task run.Assignment

	mu        sync.Mutex
	events    []run.RunnerEvent
	artifacts map[string]string
	ending    *run.Ending
	cancel    bool
	forget    bool                           // what artifacts hold
	gone      bool                           // the attempt was given to another
	trouble   func(path string, nth int) int // a status to answer with instead, 0 for none
	refuse    func(path string) string       // the code of a refusal that is final, "" for none
	requests  map[string]int
	arrived   func(run.RunnerEvent)
	forged    int64 // events that others have reported
}

func newManager(t *testing.T, prompt string) *manager {
	m := &manager{t: t, artifacts: map[string]string{}, requests: map[string]int{}, task: run.Assignment{
		RunID: "0192f0c4-7a1e-7cc3-9d5e-0a1b2c3d4e5f", Attempt: 1, Prompt: prompt, Profile: run.DefaultProfile(),
		Deadline: time.Now().Add(10 * time.Minute), Seconds: 600, NextEvent: 1,
	}}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *manager) serve(w http.ResponseWriter, r *http.Request) {
	from := io.Reader(r.Body)
	if m.forget && r.Method == "PUT" {
		from = io.LimitReader(from, 0)
	}
	body, err := io.ReadAll(from)
	if err != nil {
		m.t.Errorf("reading a request: %v", err)
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		m.t.Errorf("%s comes with the authorization %q", r.URL.Path, r.Header.Get("Authorization"))
	}
	path := strings.TrimPrefix(r.URL.Path, "/runner/v1/")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[path]++
	if m.trouble != nil {
		if status := m.trouble(path, m.requests[path]); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	if m.refuse != nil {
		if code := m.refuse(path); code != "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = fmt.Fprintf(w, `{"code":%q,"detail":"as the test wants it"}`, code)
			return
		}
	}
	if m.gone || m.ending != nil && path != "finish" {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"code":"attempt_superseded","detail":"it has ended"}`)
		return
	}
	receipt := func() { m.answer(w, run.Receipt{NextEvent: int64(len(m.events)) + 1 + m.forged, Cancel: m.cancel}) }
	switch {
	case r.Method == "POST" && path == "claim":
		m.answer(w, m.task)
	case r.Method == "POST" && path == "heartbeat":
		receipt()
	case r.Method == "POST" && path == "events":
		var report run.Report
		if err := json.Unmarshal(body, &report, json.RejectUnknownMembers(true)); err != nil || len(report.Check()) > 0 {
			m.t.Errorf("a report that is not as it should be: %v %v", err, report.Check())
		}
		next := int64(len(m.events)) + 1
		if report.First > next {
			m.t.Errorf("events %d… are reported where %d is next", report.First, next)
		}
		for i, e := range report.Events {
			if report.First+int64(i) >= next {
				m.events = append(m.events, e)
				if m.arrived != nil {
					m.arrived(e)
				}
			}
		}
		receipt()
	case r.Method == "PUT" && strings.HasPrefix(path, "artifacts/"):
		name := strings.TrimPrefix(path, "artifacts/")
		if !run.IsArtifactName(name) {
			m.t.Errorf("an artifact is named %q", name)
		}
		m.artifacts[name] = string(body)
		if m.forget {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil || n == 0 || n > run.MaxArtifactBytes {
				m.t.Errorf("%s has %d bytes, %v", name, n, err)
			}
		}
		m.answer(w, run.Artifact{Name: name})
	case r.Method == "POST" && path == "finish":
		var ending run.Ending
		if err := json.Unmarshal(body, &ending, json.RejectUnknownMembers(true)); err != nil || len(ending.Check()) > 0 {
			m.t.Errorf("an ending that is not as it should be: %v %v", err, ending.Check())
		}
		m.ending = &ending
		receipt()
	default:
		m.t.Errorf("%s %s is asked for", r.Method, r.URL.Path)
	}
}

func (m *manager) answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		m.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// story is the events in short, without those that depend on the clock.
func (m *manager) story() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var story []string
	for _, e := range m.events {
		switch e.Type {
		case run.MessageDelta, run.CommandOutput, run.Usage:
			continue
		}
		story = append(story, summary(m.t, e))
	}
	return story
}

// said puts the pieces of a message together, whatever their borders are.
func (m *manager) said(item string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var text strings.Builder
	for _, e := range m.events {
		var data run.TextData
		if e.Type == run.MessageDelta && json.Unmarshal(e.Data, &data) == nil && data.ItemID == item {
			text.WriteString(data.Text)
		}
	}
	return text.String()
}

func summary(t *testing.T, e run.RunnerEvent) string {
	t.Helper()
	var data struct {
		run.TextData
		Command  string           `json:"command"`
		Status   string           `json:"status"`
		ExitCode *int             `json:"exitCode"`
		Output   string           `json:"output"`
		Message  string           `json:"message"`
		Code     string           `json:"code"`
		Subject  string           `json:"subject"`
		Decision string           `json:"decision"`
		Changes  []run.PathChange `json:"changes"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatalf("%s: %v", e.Data, err)
	}
	words := []string{string(e.Type)}
	for _, word := range []string{data.Command, data.Status, data.Output, data.Text, data.Message, data.Code, data.Subject, data.Decision} {
		if word != "" {
			words = append(words, strings.TrimSpace(word))
		}
	}
	if data.ExitCode != nil {
		words = append(words, fmt.Sprint(*data.ExitCode))
	}
	for _, c := range data.Changes {
		words = append(words, c.Kind+" "+c.Path)
	}
	return strings.Join(words, " | ")
}
