package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

func TestWhoMayClaim(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	pod := r.dispatch(id)
	name := strings.Split(pod, ":")[1]
	other := strings.Replace(name, strings.ReplaceAll(id, "-", ""), strings.Repeat("0", 32), 1)
	tests := []struct {
		name, token string
		status      int
		code        string
	}{
		{"nobody", "", 401, "token_missing"},
		{"a stranger", "x", 401, "token_unknown"},
		{"while the keys are away", "broken:", 503, "unavailable"},
		{"another pod of the namespace", "pod:agentrun-mgr-0:u", 403, "not_a_runner"},
		{"a pod without a uid", "pod:" + name + ":", 403, "not_a_runner"},
		{"a pod that is not of the Job", "pod:" + name + ":stranger", 403, "not_a_runner"},
		{"of a run that is not there", "pod:" + other + ":u", 409, "attempt_superseded"},
		{"of an attempt that is not there", "pod:" + strings.Replace(name, "-1-", "-2-", 1) + ":u", 409, "attempt_superseded"},
		{"of an attempt without end", "pod:" + strings.Replace(name, "-1-", "-99999-", 1) + ":u", 403, "not_a_runner"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, r.do("POST", "/runner/v1/claim", tt.token, nil), tt.status, tt.code)
		})
	}
	// Until the Job is known nobody can be checked against it.
	if _, err := r.store.Pool.Exec(t.Context(), "update attempts set job_uid = ''"); err != nil {
		t.Fatal(err)
	}
	if a := r.do("POST", "/runner/v1/claim", pod, nil); a.problem() != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("%v %v", a, a.header)
	}
	if _, err := r.store.Pool.Exec(t.Context(), "update attempts set job_uid = 'job'"); err != nil {
		t.Fatal(err)
	}
	want[run.Assignment](t, r.do("POST", "/runner/v1/claim", pod, nil), 200)
	second := strings.Replace(pod, ":uid", ":uid2", 1)
	for _, a := range []answer{
		r.do("POST", "/runner/v1/claim", second, nil), r.do("POST", "/runner/v1/heartbeat", second, nil), r.do("POST", "/runner/v1/events", second, report(1, 1)),
		r.do("POST", "/runner/v1/finish", second, run.Ending{State: run.Succeeded}), r.do("PUT", "/runner/v1/artifacts/x", second, "x"),
	} {
		refused(t, a, 409, "attempt_superseded")
	}
	want[run.Assignment](t, r.do("POST", "/runner/v1/claim", pod, nil), 200)
}

func TestReportsOverHTTP(t *testing.T) {
	r := start(t)
	_, pod := r.running()
	post := func(body any) answer { return r.do("POST", "/runner/v1/events", pod, body) }
	want[run.Receipt](t, post(report(1, 3)), 200)
	if got := want[run.Receipt](t, post(report(2, 3)), 200); got.NextEvent != 5 {
		t.Errorf("%+v", got)
	}
	gap := post(report(6, 1))
	refused(t, gap, 409, "event_gap")
	if p := want[api.Problem](t, gap, 409); p.NextEvent != 5 {
		t.Errorf("%+v", p)
	}
	event := func(kind, data string) string {
		return fmt.Sprintf(`{"first":5,"events":[{"time":"2026-01-02T03:04:05Z","type":%q,"data":%s}]}`, kind, data)
	}
	for _, body := range []string{
		`{"first":5,"events":[]}`, `{"first":0,"events":[{}]}`, `{"first":5}`, `{"first":5,"events":null}`, `{"first":"5","events":[]}`, `{"first":5,"events":[],"more":1}`,
		event("run.state", `{}`), event("artifact", `{}`), event("a b", `{}`), event("message", `[]`), event("message", `null`),
		event("message", `{"text":"`+strings.Repeat("x", run.MaxEventBytes)+`"}`), `{"first":5,"events":[{"type":"message","data":{}}]}`,
	} {
		refused(t, post(body), 422, "invalid")
	}
	refused(t, post(`{"first":5,`+strings.Repeat(" ", run.MaxReportBytes)+`"events":[]}`), 413, "too_large")
	want[run.Receipt](t, post(event("new.kind", "{\n\"a\" : [\"\\u0000\", 1e999]}")), 200)

	refused(t, r.do("POST", "/runner/v1/finish", pod, `{"state":"running","usage":{},"session":{}}`), 422, "invalid")
	refused(t, r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Failed, Reason: "tired"}), 422, "invalid")
	want[run.Receipt](t, r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Failed, Reason: run.Stalled}), 200)
	if log := r.log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Error(log)
	}
}

func TestArtifactsOverHTTP(t *testing.T) {
	r := start(t)
	id, pod := r.running()
	content := append(bytes.Repeat([]byte("<script>"), 1000), 0, 0xff)
	put := func(name string, body any, headers ...string) answer {
		return r.do("PUT", "/runner/v1/artifacts/"+name, pod, body, headers...)
	}
	a := want[run.Artifact](t, put("page.html", content, "Content-Type", "Text/HTML; charset=utf-8"), 200)
	if again := want[run.Artifact](t, put("page.html", content, "Content-Type", "text/html; charset=utf-8"), 200); again.SHA256 != a.SHA256 || a.MediaType != "text/html; charset=utf-8" {
		t.Errorf("%+v %+v", a, again)
	}
	refused(t, put("page.html", "other"), 409, "artifact_refused")
	refused(t, put(".hidden", "x"), 422, "invalid")
	refused(t, put("a%2Fb", "x"), 422, "invalid")
	refused(t, put("x", "x", "Content-Type", "text/\nplain"[:5]), 422, "invalid")
	want[run.Artifact](t, put("empty", nil), 200)

	// A body whose length nobody said, and one that says too much.
	for rest, status := range map[string]string{"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "411", fmt.Sprintf("Content-Length: %d\r\n\r\n", run.MaxArtifactBytes+1): "413"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PUT /runner/v1/artifacts/y HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s", pod, rest)
		line, err := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+status) {
			t.Errorf("%q: %q %v", rest, line, err)
		}
	}

	got := r.do("GET", "/v1/runs/"+id+"/artifacts/page.html?attempt=1", r.user, nil)
	h := got.header
	if got.status != 200 || !bytes.Equal(got.body, content) || h.Get("ETag") != `"`+a.SHA256+`"` || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Content-Disposition") != "attachment; filename=page.html" || h.Get("Content-Type") != a.MediaType || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", got.status, h)
	}
	if got := r.do("GET", "/v1/runs/"+id+"/artifacts/page.html", r.user, nil, "If-None-Match", h.Get("ETag")); got.status != 304 || len(got.body) > 0 {
		t.Errorf("%v", got)
	}
	refused(t, r.do("GET", "/v1/runs/"+id+"/artifacts/page.html?attempt=2", r.user, nil), 404, "not_found")
	list := want[struct{ Artifacts []run.Artifact }](t, r.do("GET", "/v1/runs/"+id+"/artifacts", r.user, nil), 200)
	if len(list.Artifacts) != 2 || list.Artifacts[1] != a {
		t.Errorf("%+v", list)
	}
}

// Whatever a body holds, the answer is a word of the API's own, and what is taken is
// kept as it came.
func FuzzSubmit(f *testing.F) {
	for _, s := range []string{`{"prompt":"x"}`, `{"prompt":"\u0000\ud83d\ude00","labels":{"a":"b"},"priority":-1}`, `{"prompt":"x","maxAttempts":1e0}`, "[", `null`, `"x"`, "{\"prompt\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	r := start(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := *r
		r.t = t
		a := r.do("POST", "/v1/runs", r.user, body)
		switch a.status {
		case 201:
			made := want[run.Run](t, a, 201)
			var sent run.Request
			if err := json.Unmarshal(body, &sent); err != nil || sent.Prompt != made.Prompt {
				t.Errorf("%q became %q (%v)", body, made.Prompt, err)
			}
		case 400, 413, 422:
			if a.problem() == "" {
				t.Errorf("%v", a)
			}
		default:
			t.Errorf("%v", a)
		}
	})
}

// Nothing that a runner reports breaks the stream: each event is one frame.
func FuzzReport(f *testing.F) {
	f.Add("message", []byte(`{"text":"a\nb"}`))
	f.Add("x.y", []byte("{\n\"a\": 1}"))
	f.Add("a\ndata: b", []byte(`{}`))
	r := start(f)
	id, pod := r.running()
	next := int64(1)
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		r := *r
		r.t = t
		k, err := json.Marshal(kind)
		if err != nil {
			return
		}
		body := fmt.Appendf(nil, `{"first":%d,"events":[{"time":"2026-01-02T03:04:05Z","type":%s,"data":%s}]}`, next, k, data)
		a := r.do("POST", "/runner/v1/events", pod, body)
		if a.status != 200 {
			if a.status != 400 && a.status != 422 && a.status != 413 || a.problem() == "" {
				t.Errorf("%v", a)
			}
			return
		}
		got, err := r.store.Get(t.Context(), store.AnyProject, id)
		if err != nil {
			t.Fatal(err)
		}
		next = want[run.Receipt](t, a, 200).NextEvent
		s := r.stream(id, got.LastSeq-1)
		defer s.Close()
		e, ok := s.next()
		if !ok || e.id != got.LastSeq || e.kind != kind {
			t.Errorf("%q gave %+v", body, e)
		}
	})
}

func FuzzParameters(f *testing.F) {
	f.Add("abc", "1", "a=b")
	f.Add("AQGiFSZkKHRxp5qr3JwsIYg", "-1", "=")
	f.Add("\x00", "99999999999999999999", "a=b\x00")
	r := start(f)
	id := uuid.NewString()
	f.Fuzz(func(t *testing.T, cursor, event, label string) {
		r := *r
		r.t = t
		q := strings.NewReplacer("&", "%26", "#", "%23", "%", "%25", "+", "%2B", " ", "%20", ";", "%3B")
		for _, value := range []string{cursor, event, label} {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
				return // net/http's own business
			}
		}
		for _, a := range []answer{
			r.do("GET", "/v1/runs?cursor="+q.Replace(cursor), r.user, nil),
			r.do("GET", "/v1/runs?label="+q.Replace(label), r.user, nil),
			r.do("GET", "/v1/runs/"+id+"/events", r.user, nil, "Accept", "text/event-stream", "Last-Event-ID", event),
		} {
			if a.status != 200 && a.problem() != "invalid" && a.problem() != "not_found" {
				t.Errorf("%q %q %q: %v", cursor, event, label, a)
			}
		}
	})
}
