package api_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

func TestARunOverHTTP(t *testing.T) {
	r := start(t)
	var control strings.Builder
	for c := range rune(0x20) {
		control.WriteRune(c)
	}
	prompt := "x" + control.String() + "\x7f\u2028\U0001F600"
	made := r.do("POST", "/v1/runs", r.user, run.Request{Prompt: prompt, Labels: map[string]string{"team": "a"}})
	queued := want[run.Run](t, made, 201)
	if queued.State != run.Queued || queued.Prompt != prompt || made.header.Get("Location") != "/v1/runs/"+queued.ID {
		t.Fatalf("%v %v", made, made.header)
	}
	refused(t, r.do("GET", "/v1/runs/"+queued.ID+"/result", r.user, nil), 409, "run_not_ended")
	refused(t, r.do("POST", "/v1/runs/"+queued.ID+"/retry", r.user, nil), 409, "run_not_ended")

	pod := r.dispatch(queued.ID)
	a := want[run.Assignment](t, r.do("POST", "/runner/v1/claim", pod, nil), 200)
	if a.Prompt != prompt || a.RunID != queued.ID || a.Attempt != 1 || a.NextEvent != 1 || a.Seconds <= 0 {
		t.Errorf("%+v", a)
	}
	if got := want[run.Receipt](t, r.do("POST", "/runner/v1/events", pod, report(1, 2)), 200); got != (run.Receipt{NextEvent: 3}) {
		t.Errorf("%+v", got)
	}
	if got := want[run.Run](t, r.do("POST", "/v1/runs/"+queued.ID+"/cancel", r.user, nil), 202); !got.Cancelling {
		t.Errorf("%+v", got)
	}
	if got := want[run.Receipt](t, r.do("POST", "/runner/v1/heartbeat", pod, nil), 200); got != (run.Receipt{NextEvent: 3, Cancel: true}) {
		t.Errorf("%+v", got)
	}
	ending := run.Ending{State: run.Cancelled, FinalMessage: "bye\x00", Usage: run.UsageData{TotalTokens: 3}}
	for range 2 {
		want[run.Receipt](t, r.do("POST", "/runner/v1/finish", pod, ending), 200)
	}
	result := want[run.Result](t, r.do("GET", "/v1/runs/"+queued.ID+"/result", r.user, nil), 200)
	if result.State != run.Cancelled || result.FinalMessage != "bye\x00" || result.Usage.TotalTokens != 3 {
		t.Errorf("%+v", result)
	}
	done := want[run.Run](t, r.do("POST", "/v1/runs/"+queued.ID+"/cancel", r.user, nil), 200)
	if diff := cmp.Diff(want[run.Run](t, r.do("GET", "/v1/runs/"+queued.ID, r.user, nil), 200), done); diff != "" {
		t.Error(diff)
	}
	refused(t, r.do("POST", "/runner/v1/events", pod, report(3, 1)), 409, "attempt_superseded")
	refused(t, r.do("POST", "/runner/v1/heartbeat", pod, nil), 409, "attempt_superseded")
	refused(t, r.do("POST", "/runner/v1/claim", pod, nil), 409, "attempt_superseded")

	again := want[run.Run](t, r.do("POST", "/v1/runs/"+queued.ID+"/retry", r.user, nil), 201)
	if again.RetryOf != queued.ID || again.Prompt != prompt || again.State != run.Queued {
		t.Errorf("%+v", again)
	}
	page := want[struct {
		Events []run.Event
		Last   int64
		Ended  bool
	}](t, r.do("GET", "/v1/runs/"+queued.ID+"/events?after=2&limit=3", r.user, nil), 200)
	if len(page.Events) != 3 || page.Last != 5 || page.Ended {
		t.Errorf("%+v", page)
	}
}

func TestKeysOverHTTP(t *testing.T) {
	r := start(t)
	submit := func(key, body string) answer { return r.do("POST", "/v1/runs", r.user, body, "Idempotency-Key", key) }
	first := want[run.Run](t, submit("k 1", `{"prompt":"x","priority":1}`), 201)
	if again := want[run.Run](t, submit("k 1", `{"priority":1,  "prompt":"x"}`), 200); again.ID != first.ID {
		t.Errorf("another run: %+v", again)
	}
	refused(t, submit("k 1", `{"prompt":"y"}`), 409, "idempotency_key_reused")
	refused(t, submit(strings.Repeat("k", 129), `{"prompt":"y"}`), 422, "invalid")
	refused(t, submit("ключ", `{"prompt":"y"}`), 422, "invalid")

	ids := make(chan string, 8)
	var all sync.WaitGroup
	for range cap(ids) {
		all.Go(func() {
			a, err := r.try("POST", "/v1/runs", r.user, `{"prompt":"x"}`, "Idempotency-Key", "at once")
			if err != nil || a.status != 200 && a.status != 201 {
				t.Errorf("%v %v", a, err)
			}
			ids <- a.header.Get("Location")
		})
	}
	all.Wait()
	for one := <-ids; len(ids) > 0; {
		if other := <-ids; other != one {
			t.Errorf("the key made %s and %s", one, other)
		}
	}
}

func TestTokensAndScopes(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	reader, writer := r.token("shop", store.ReadRuns), r.token("shop", store.WriteRuns)
	revoked := want[struct {
		Token store.Token
		Value string
	}](t, r.do("POST", "/v1/tokens", r.admin, `{"name":"x","project":"shop","scopes":["runs:read"]}`), 201)
	if got := r.do("GET", "/v1/runs", revoked.Value, nil); got.status != 200 {
		t.Errorf("a new token: %v", got)
	}
	for range 2 {
		if got := r.do("DELETE", "/v1/tokens/"+revoked.Token.ID, r.admin, nil); got.status != 204 {
			t.Errorf("revoking: %v", got)
		}
	}
	list := r.do("GET", "/v1/tokens", r.admin, nil)
	if list.status != 200 || strings.Contains(string(list.body), revoked.Value) || !strings.Contains(string(list.body), `"revokedAt"`) {
		t.Errorf("%v", list)
	}
	tests := []struct {
		name, method, path, token string
		status                    int
		code                      string
	}{
		{"none", "GET", "/v1/runs", "", 401, "token_missing"},
		{"unknown", "GET", "/v1/runs", "art_" + strings.Repeat("x", 43), 401, "token_unknown"},
		{"of another form", "GET", "/v1/runs", "x", 401, "token_unknown"},
		{"with a NUL", "GET", "/v1/runs", "art_" + strings.Repeat("é", 20), 401, "token_unknown"},
		{"revoked", "GET", "/v1/runs", revoked.Value, 401, "token_unknown"},
		{"reader writes", "POST", "/v1/runs/" + id + "/cancel", reader, 403, "scope_missing"},
		{"writer reads", "GET", "/v1/runs/" + id, writer, 403, "scope_missing"},
		{"user administers", "GET", "/v1/tokens", r.user, 403, "scope_missing"},
		{"user makes a profile", "PUT", "/v1/profiles/x", r.user, 403, "scope_missing"},
		{"a user's token for runners", "POST", "/runner/v1/heartbeat", r.user, 401, "token_unknown"},
		{"a runner's token for users", "GET", "/v1/runs", "pod:a:b", 401, "token_unknown"},
		{"another project's name", "GET", "/v1/runs?project=other", r.user, 404, "no_such_project"},
		{"revoking nothing", "DELETE", "/v1/tokens/x", r.admin, 404, "not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.do(tt.method, tt.path, tt.token, nil)
			refused(t, a, tt.status, tt.code)
			if got := a.header.Get("WWW-Authenticate"); (got != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate is %q", got)
			}
		})
	}
	refused(t, r.do("GET", "/v1/runs", "", nil, "Authorization", "Basic "+r.user), 401, "token_missing")
	if log := r.log.String(); strings.Contains(log, "art_") {
		t.Errorf("a token is in the log: %s", log)
	}
}

func TestAnotherProjectsRunsDoNotExist(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	stranger := r.token("other", store.ReadRuns, store.WriteRuns)
	for _, path := range []string{"", "/events", "/result", "/artifacts", "/artifacts/x"} {
		refused(t, r.do("GET", "/v1/runs/"+id+path, stranger, nil), 404, "not_found")
	}
	refused(t, r.do("GET", "/v1/runs/"+id+"/events", stranger, nil, "Accept", "text/event-stream"), 404, "not_found")
	refused(t, r.do("POST", "/v1/runs/"+id+"/cancel", stranger, nil), 404, "not_found")
	refused(t, r.do("POST", "/v1/runs/"+id+"/retry", stranger, nil), 404, "not_found")
	if got := want[struct{ Runs []run.Run }](t, r.do("GET", "/v1/runs", stranger, nil), 200); len(got.Runs) > 0 {
		t.Errorf("%+v", got)
	}
	// An administrator finds all, and says which project is meant.
	want[run.Run](t, r.do("GET", "/v1/runs/"+id, r.admin, nil), 200)
	refused(t, r.do("GET", "/v1/runs/"+id+"?project=other", r.admin, nil), 404, "not_found")
	refused(t, r.do("POST", "/v1/runs", r.admin, run.Request{Prompt: "x"}), 422, "invalid")
	refused(t, r.do("POST", "/v1/runs?project=missing", r.admin, run.Request{Prompt: "x"}), 404, "no_such_project")
	if got := want[run.Run](t, r.do("POST", "/v1/runs?project=other", r.admin, run.Request{Prompt: "x"}), 201); got.Project != "other" {
		t.Errorf("%+v", got)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	long := func(n int) string { return `{"prompt":"` + strings.Repeat("x", n) + `"}` }
	tests := []struct {
		name, method, path, body string
		status                   int
		code, location           string
	}{
		{"no body", "POST", "/v1/runs", "", 400, "bad_request", ""},
		{"no JSON", "POST", "/v1/runs", "{", 400, "bad_request", "body"},
		{"a list", "POST", "/v1/runs", "[]", 422, "invalid", "body"},
		{"a key twice", "POST", "/v1/runs", `{"prompt":"x","prompt":"y"}`, 400, "bad_request", "body"},
		{"not UTF-8", "POST", "/v1/runs", "{\"prompt\":\"\xff\"}", 400, "bad_request", "body"},
		{"half a character", "POST", "/v1/runs", `{"prompt":"\ud800"}`, 400, "bad_request", "body"},
		{"no prompt", "POST", "/v1/runs", "{}", 422, "invalid", "body"},
		{"blank", "POST", "/v1/runs", `{"prompt":" \n"}`, 422, "invalid", "body.prompt"},
		{"unknown field", "POST", "/v1/runs", `{"prompt":"x","promt":"y"}`, 422, "invalid", "body.promt"},
		{"wrong type", "POST", "/v1/runs", `{"prompt":"x","priority":"high"}`, 422, "invalid", "body.priority"},
		{"a fraction", "POST", "/v1/runs", `{"prompt":"x","priority":1.5}`, 422, "invalid", "body.priority"},
		{"a number without end", "POST", "/v1/runs", `{"prompt":"x","deadlineSeconds":1e300}`, 422, "invalid", "body.deadlineSeconds"},
		{"labels of another type", "POST", "/v1/runs", `{"prompt":"x","labels":{"a":1}}`, 422, "invalid", "body.labels.a"},
		{"no label's value", "POST", "/v1/runs", `{"prompt":"x","labels":{"a":"b\u0000"}}`, 422, "invalid", "body.labels.a"},
		{"null", "POST", "/v1/runs", `{"prompt":null}`, 422, "invalid", "body.prompt"},
		{"no such profile", "POST", "/v1/runs", `{"prompt":"x","profile":"fast"}`, 422, "invalid", "body.profile"},
		{"long prompt", "POST", "/v1/runs", long(run.MaxPromptBytes + 1), 422, "invalid", "body.prompt"},
		{"large body", "POST", "/v1/runs", long(1 << 20), 413, "too_large", ""},
		{"deep", "POST", "/v1/runs", `{"prompt":` + strings.Repeat("[", 20000), 400, "bad_request", "body"},
		{"unknown parameter", "GET", "/v1/runs?stat=queued", "", 422, "invalid", "query.stat"},
		{"no state", "GET", "/v1/runs?state=done", "", 422, "invalid", "query.state"},
		{"no limit", "GET", "/v1/runs?limit=0", "", 422, "invalid", "query.limit"},
		{"limit over all", "GET", "/v1/runs?limit=201", "", 422, "invalid", "query.limit"},
		{"no cursor", "GET", "/v1/runs?cursor=abc", "", 422, "invalid", "query.cursor"},
		{"no label", "GET", "/v1/runs?label=abc", "", 422, "invalid", "query.label"},
		{"a label twice", "GET", "/v1/runs?label=a%3Db&label=a%3Dc", "", 422, "invalid", "query.label"},
		{"no profile's name", "GET", "/v1/runs?profile=%00", "", 422, "invalid", "query.profile"},
		{"no project's name", "GET", "/v1/runs?project=%00", "", 422, "invalid", "query.project"},
		{"no id", "GET", "/v1/runs/x%00", "", 404, "not_found", ""},
		{"no event", "GET", "/v1/runs/" + id + "/events?after=-1", "", 422, "invalid", "query.after"},
		{"many events", "GET", "/v1/runs/" + id + "/events?limit=1001", "", 422, "invalid", "query.limit"},
		{"no artifact", "GET", "/v1/runs/" + id + "/artifacts/..%2Fx", "", 404, "not_found", ""},
		{"no such path", "GET", "/v1/run", "", 404, "no_such_endpoint", ""},
		{"another method", "PATCH", "/v1/runs/" + id, "", 405, "method_not_allowed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var body any
			if tt.body != "" {
				body = tt.body
			}
			a := r.do(tt.method, tt.path, r.user, body)
			refused(t, a, tt.status, tt.code)
			if tt.location != "" && !strings.Contains(string(a.body), fmt.Sprintf("%q", tt.location)) {
				t.Errorf("%s is not named in %s", tt.location, a.body)
			}
			if len(a.body) > 4096 {
				t.Errorf("the answer repeats %d bytes", len(a.body))
			}
		})
	}
	if a := r.do("POST", "/v1/runs", r.user, `{"prompt":"x"}`, "Content-Type", "text/plain"); a.status != 415 {
		t.Errorf("%v", a)
	}
	if a := r.do("PATCH", "/v1/runs", r.user, nil); strings.Join(a.header.Values("Allow"), " ") != "GET POST" {
		t.Errorf("%v %v", a, a.header)
	}
	if log := r.log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Error(log)
	}
}

func TestListOverHTTP(t *testing.T) {
	r := start(t)
	var ids []string
	for i := range 5 {
		made := want[run.Run](t, r.do("POST", "/v1/runs", r.user, run.Request{Prompt: "x", Labels: map[string]string{"n": fmt.Sprint(i % 2), "a/b": "c"}}), 201)
		ids = append([]string{made.ID}, ids...)
	}
	type page struct {
		Runs []run.Run
		Next string
	}
	var got []string
	path := "/v1/runs?limit=2&state=queued&profile=default"
	for next := path; next != ""; {
		p := want[page](t, r.do("GET", next, r.user, nil), 200)
		for _, run := range p.Runs {
			got = append(got, run.ID)
		}
		if next = ""; p.Next != "" {
			next = path + "&cursor=" + p.Next
		}
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Error(diff)
	}
	if p := want[page](t, r.do("GET", "/v1/runs?label=n%3D1&label=a/b%3Dc", r.user, nil), 200); len(p.Runs) != 2 || p.Next != "" {
		t.Errorf("%+v", p)
	}
}

func TestProfilesAndProjects(t *testing.T) {
	r := start(t)
	p := run.DefaultProfile()
	p.Name, p.MaxAttempts = "careful", 5
	want[run.Profile](t, r.do("PUT", "/v1/profiles/careful", r.admin, p), 200)
	refused(t, r.do("PUT", "/v1/profiles/other", r.admin, p), 422, "invalid")
	refused(t, r.do("PUT", "/v1/profiles/careful", r.admin, `{"name":"careful"}`), 422, "invalid")
	p.Model = "a b"
	refused(t, r.do("PUT", "/v1/profiles/careful", r.admin, p), 422, "invalid")
	got := want[struct{ Profiles []run.Profile }](t, r.do("GET", "/v1/profiles", r.user, nil), 200)
	if len(got.Profiles) != 2 || got.Profiles[0].MaxAttempts != 5 || got.Profiles[1] != run.DefaultProfile() {
		t.Errorf("%+v", got)
	}
	if made := want[run.Run](t, r.do("POST", "/v1/runs", r.user, `{"prompt":"x","profile":"careful"}`), 201); made.MaxAttempts != 5 {
		t.Errorf("%+v", made)
	}

	want[store.Project](t, r.do("PUT", "/v1/projects/new", r.admin, `{"maxRunning":3}`), 200)
	if got := want[store.Project](t, r.do("GET", "/v1/projects/new", r.admin, nil), 200); got.MaxRunning != 3 {
		t.Errorf("%+v", got)
	}
	refused(t, r.do("PUT", "/v1/projects/No", r.admin, `{"maxRunning":3}`), 422, "invalid")
	refused(t, r.do("PUT", "/v1/projects/new", r.admin, `{"maxRunning":-1}`), 422, "invalid")
	refused(t, r.do("GET", "/v1/projects/missing", r.admin, nil), 404, "not_found")
	refused(t, r.do("GET", "/v1/projects/%00", r.admin, nil), 404, "not_found")

	for _, body := range []string{
		`{"name":"x","scopes":["runs:read"]}`, `{"name":"x","project":"shop","scopes":["admin"]}`, `{"name":"x","project":"shop","scopes":["all"]}`,
		`{"name":"x","project":"shop","scopes":[]}`, `{"name":"x","project":"shop","scopes":null}`, `{"name":"x\u0000","scopes":["admin"]}`,
		`{"name":"x","scopes":["admin"],"expiresAt":"2020-01-01T00:00:00Z"}`, `{"name":"x","project":"A","scopes":["runs:read"]}`,
	} {
		refused(t, r.do("POST", "/v1/tokens", r.admin, body), 422, "invalid")
	}
	refused(t, r.do("POST", "/v1/tokens", r.admin, `{"name":"x","project":"missing","scopes":["runs:read"]}`), 404, "no_such_project")
}

// The published document is the one that the handlers make: after a change,
// agentrun-mgr openapi >docs/reference/openapi.json.
func TestDocument(t *testing.T) {
	document, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	published, err := os.ReadFile("../../../docs/reference/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(published), string(document)); diff != "" {
		t.Errorf("the published document is an old one:\n%s", diff)
	}
	r := start(t)
	if a := r.do("GET", "/openapi.json", "", nil); a.status != http.StatusOK || string(a.body) != string(document) {
		t.Errorf("what is served is another document: %d", a.status)
	}
}
