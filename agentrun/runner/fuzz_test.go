package runner

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// FuzzTranslate gives the translator whatever params there may be: what comes out is
// what the manager takes, and holds no known value.
func FuzzTranslate(f *testing.F) {
	const secret = "a-known-value-0123456789"
	methods := []string{
		codex.ItemStarted, codex.ItemCompleted, codex.MessageDelta, codex.OutputDelta, codex.DiffUpdated, codex.PlanUpdated,
		codex.UsageUpdated, codex.ErrorRaised, codex.Warning, "some/other",
	}
	for i, params := range []string{
		`{"item":{"type":"commandExecution","id":"c","command":"ls","status":"inProgress"}}`,
		`{"item":{"type":"fileChange","id":"f","changes":[{"path":"/a","kind":{"type":"add"},"diff":"+a"}]}}`,
		`{"itemId":"m","delta":"a-known-va"}`, `{"itemId":"m","delta":"lue-0123456789 \ud83d"}`, `{"diff":"+` + secret + `"}`,
		`{"explanation":"so","plan":[{"step":"one","status":"completed"}]}`, `{"tokenUsage":{"total":{"totalTokens":1e3}}}`,
		`{"error":{"message":"no","codexErrorInfo":{"httpConnectionFailed":{"httpStatusCode":401}}},"willRetry":true}`,
		`{"message":"` + secret + `"}`, `[]`,
	} {
		f.Add(uint8(i), []byte(params), uint8(i+1), []byte(`{"item":{"type":"dreamSequence","id":"c","text":"`+secret+`"}}`))
	}
	f.Fuzz(func(t *testing.T, first uint8, a []byte, second uint8, b []byte) {
		var report run.Report
		report.First = 1
		check := func(text string) {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds the known value", text)
			}
		}
		tr := newTranslator(func() time.Time { return time.Unix(1, 0) }, newRedactor([]string{secret}), func(e run.RunnerEvent) {
			report.Events = append(report.Events, e)
			check(string(e.Data))
		}, func(name, _, text string) {
			if !run.IsArtifactName(name) {
				t.Errorf("an artifact is named %q", name)
			}
			check(text)
		})
		for _, one := range []struct {
			method uint8
			params []byte
		}{{first, a}, {second, b}, {first, b}} {
			m := &codex.Message{Method: methods[int(one.method)%len(methods)], Params: one.params}
			tr.notification(m)
			_ = subjectOf(codex.ApprovalNote{Command: one.params})
			var info codex.TurnError
			if json.Unmarshal(one.params, &info) == nil {
				_, _ = reasonFor(&info)
			}
		}
		tr.flush()
		tr.close()
		if len(report.Events) > 0 && len(report.Events) <= run.MaxReportEvents {
			if found := report.Check(); len(found) > 0 {
				t.Errorf("the manager would refuse %v", found)
			}
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("中文 text", 4)
	f.Add("\x80\x80\x80\x80\x80\x80", 5)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = min(max(n, utf8.UTFMax), 1000)
		got := cut(text, n)
		if len(got) > n || !strings.HasPrefix(text, got) || got == "" && text != "" || utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("cut(%q, %d) = %q", text, n, got)
		}
	})
}

// FuzzRefusal: whatever a proxy in between answers, the request is either over or
// repeated, and no control character gets into a message.
func FuzzRefusal(f *testing.F) {
	f.Add(409, []byte(`{"code":"attempt_superseded"}`))
	f.Add(409, []byte(`{"code":"event_gap","nextEvent":4}`))
	f.Add(502, []byte("<html>\x1b[31m"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(300 + int(uint(status)%300))
		resp := recorder.Result()
		resp.Request = httptest.NewRequest(http.MethodPost, "/runner/v1/events", nil)
		err := refusal(resp, body)
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\t' }) {
			t.Errorf("%d %q gives %v", status, body, err)
		}
		_ = resp.Body.(io.Closer).Close()
	})
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x1b[31mred\x1b[0m"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := plain(b); len(got) > len(b) {
			t.Errorf("%q became %q", b, got)
		}
	})
}
