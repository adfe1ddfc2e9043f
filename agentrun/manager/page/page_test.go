package page_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// ask sends a request, with the body as a form, and gives the answer and its text.
func (s *stage) ask(c *http.Client, method, path, form string, header ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

func (s *stage) want(c *http.Client, status int, path string, parts ...string) {
	s.t.Helper()
	resp, body := s.ask(c, http.MethodGet, path, "")
	if resp.StatusCode != status {
		s.t.Errorf("%s: status %d, want %d", path, resp.StatusCode, status)
	}
	for _, part := range parts {
		if no, ok := strings.CutPrefix(part, "!"); ok == strings.Contains(body, no) && (ok || !strings.Contains(body, part)) {
			s.t.Errorf("%s: %q in\n%s", path, part, body)
		}
	}
}

func (s *stage) signIn(c *http.Client, token, project string) {
	s.t.Helper()
	resp, body := s.ask(c, http.MethodPost, "/ui/signin", url.Values{"token": {token}, "project": {project}}.Encode())
	if resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("signing in: status %d: %s", resp.StatusCode, body)
	}
}

func TestSigningIn(t *testing.T) {
	s := newStage(t)
	mine, theirs := s.submit("shop", run.Request{Prompt: "mine"}), s.submit("other", run.Request{Prompt: "theirs"})
	c := s.person()

	// Nothing is shown to nobody.
	for _, path := range []string{"/ui/runs", "/ui/runs/" + mine.ID, "/ui/runs/" + mine.ID + "/artifacts/diff.patch?attempt=1"} {
		resp, _ := s.ask(c, http.MethodGet, path, "", "Authorization", "Bearer "+s.token)
		if want := "/ui/signin?" + (url.Values{"next": {path}}).Encode(); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != want {
			t.Errorf("%s leads to %d %s", path, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	if resp, _ := s.ask(c, http.MethodGet, "/ui/runs/"+mine.ID+"/events", ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stream for nobody: %d", resp.StatusCode)
	}

	// Credentials that open nothing set no cookie, and are not repeated.
	for _, tt := range []struct{ token, project, why string }{
		{"", "", "unknown, revoked or over"},
		{s.token[:len(s.token)-1] + "x", "", "unknown, revoked or over"},
		{s.newToken("shop", store.WriteRuns), "", "needs the scope runs:read"},
		{s.token, "other", "opens another project"},
		{s.token, "<b>", "not the name of a project"},
	} {
		resp, body := s.ask(c, http.MethodPost, "/ui/signin", url.Values{"token": {tt.token}, "project": {tt.project}}.Encode())
		if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, tt.why) || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %d %s", tt.why, resp.StatusCode, body)
		}
		if len(tt.token) > 10 && strings.Contains(body, tt.token) {
			t.Errorf("%q: the token is in the answer", tt.why)
		}
	}
	s.want(c, http.StatusOK, "/ui/signin?next=/ui/runs%3Fstate%3Dfailed", "API token", `href="/ui/runs?state=failed"`)

	// A good one sees its project alone.
	resp, _ := s.ask(c, http.MethodPost, "/ui/signin", url.Values{"token": {s.token}, "next": {"/ui/runs/" + mine.ID}}.Encode())
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/ui/runs/"+mine.ID {
		t.Errorf("signing in leads to %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if got, want := resp.Header.Get("Set-Cookie"), "agentrun="+s.token+"; Path=/ui; HttpOnly; SameSite=Strict"; got != want {
		t.Error("the cookie is not as it must be")
	}
	s.want(c, http.StatusOK, "/ui/runs", "mine", "!theirs", ">shop<")
	s.want(c, http.StatusOK, "/ui/runs/"+mine.ID, "mine")
	s.want(c, http.StatusNotFound, "/ui/runs/"+theirs.ID, "!theirs")
	s.want(c, http.StatusNotFound, "/ui/runs/"+theirs.ID+"/events")
	s.want(c, http.StatusNotFound, "/ui/runs/..%2f..%2fetc", "Not found")
	s.want(c, http.StatusNotFound, "/ui/nothing", "Not found")
	s.want(c, http.StatusSeeOther, "/ui/signin")
	s.want(c, http.StatusSeeOther, "/")

	// Another site can neither sign out nor in.
	for _, path := range []string{"/ui/signin", "/ui/signout"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			if resp, _ := s.ask(c, http.MethodPost, path, "token="+s.token, header...); resp.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %v: status %d", path, header, resp.StatusCode)
			}
		}
	}
	if resp, _ := s.ask(c, http.MethodPost, "/ui/runs", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /ui/runs: status %d", resp.StatusCode)
	}
	resp, _ = s.ask(c, http.MethodPost, "/ui/signout", "", "X-Forwarded-Proto", "https")
	if got := resp.Header.Get("Set-Cookie"); got != "agentrun=; Path=/ui; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Errorf("signing out sets %q", got)
	}
}

func TestAdministratorsSeeAll(t *testing.T) {
	s := newStage(t)
	mine, theirs := s.submit("shop", run.Request{Prompt: "mine"}), s.submit("other", run.Request{Prompt: "theirs"})
	c := s.person()
	s.signIn(c, s.newToken("", store.Admin), "")
	s.want(c, http.StatusOK, "/ui/runs", "mine", "theirs", ">Project<")
	s.want(c, http.StatusOK, "/ui/runs/"+theirs.ID, "theirs")
	s.signIn(c, s.newToken("", store.Admin), "shop")
	s.want(c, http.StatusOK, "/ui/runs", "mine", "!theirs")
	s.want(c, http.StatusOK, "/ui/runs/"+mine.ID, "mine")
}

// TestTokenIsAskedAbout: a token that is revoked opens nothing any more.
func TestTokenIsAskedAbout(t *testing.T) {
	s := newStage(t)
	token, value, err := s.store.CreateToken(t.Context(), store.Token{Name: "short", Project: "shop", Scopes: []string{store.ReadRuns}})
	if err != nil {
		t.Fatal(err)
	}
	c := s.person()
	s.signIn(c, value, "")
	s.want(c, http.StatusOK, "/ui/runs")
	if err := s.store.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	s.want(c, http.StatusSeeOther, "/ui/runs")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/", "/ui/signin", "/ui/runs", "/ui/nothing", "/ui/static/nothing"} {
		resp, _ := s.ask(s.person(), http.MethodGet, path, "")
		for k, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
				"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := resp.Header.Get(k); got != want {
				t.Errorf("%s: %s is %q", path, k, got)
			}
		}
	}
	_, body := s.ask(s.person(), http.MethodGet, "/ui/signin", "")
	for _, name := range []string{"page.css", "page.js", "icon.svg"} {
		i := strings.Index(body, name)
		if i < 0 {
			t.Fatalf("no %s in the page", name)
		}
		path := body[strings.LastIndex(body[:i], `"`)+1 : i+len(name)]
		resp, _ := s.ask(s.person(), http.MethodGet, path, "")
		if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Cache-Control"))
		}
	}
}

func TestList(t *testing.T) {
	s := newStage(t)
	for i := range 55 {
		s.submit("shop", run.Request{Prompt: fmt.Sprintf("prompt <%d>\n\x1b[31m\u202ered", i), Labels: map[string]string{"team": "a", "n": fmt.Sprint(i % 5)}})
	}
	c := s.person()
	s.signIn(c, s.token, "")
	s.want(c, http.StatusOK, "/ui/runs", "prompt &lt;54&gt; \uFFFDred", "!prompt &lt;4&gt;", "Older runs", "!Newest runs")
	_, body := s.ask(c, http.MethodGet, "/ui/runs?state=queued&label=team%3Da", "")
	_, rest, _ := strings.Cut(body, `<nav class="pages"`)
	next, _, _ := strings.Cut(rest[strings.Index(rest, `href="`)+6:], `"`)
	next = strings.ReplaceAll(next, "&amp;", "&")
	s.want(c, http.StatusOK, next, "prompt &lt;4&gt;", "prompt &lt;0&gt;", "!prompt &lt;5&gt;", "Newest runs", "!Older runs", `value="team=a"`)
	s.want(c, http.StatusOK, "/ui/runs?label=n%3D3", "prompt &lt;53&gt;", "!prompt &lt;54&gt;", "n=3")
	s.want(c, http.StatusOK, "/ui/runs?state=failed", "There are no such runs")
	s.want(c, http.StatusOK, "/ui/runs?state=lost", "There is no such state")
	s.want(c, http.StatusOK, `/ui/runs?label=%22%3E%3Cscript%3E`, "key=value", "&#34;&gt;&lt;script&gt;", `!"><script>`)
	s.want(c, http.StatusOK, "/ui/runs?profile=A+B", "not the name of a profile")
}

// TestRunWithoutScript: the page is whole by itself, within its bounds.
func TestRunWithoutScript(t *testing.T) {
	s := newStage(t)
	r := s.submit("shop", run.Request{Prompt: "Mend it.\n<b>now</b>"})
	c := s.person()
	s.signIn(c, s.token, "")
	s.want(c, http.StatusOK, "/ui/runs/"+r.ID, "Mend it.\n&lt;b&gt;now&lt;/b&gt;", "State: queued", "Reload", "0 of 2")
	a := s.begin(r.ID)
	s.say(a, run.MessageDelta, run.TextData{ItemID: "m1", Text: "Hel"})
	s.say(a, run.MessageDelta, run.TextData{ItemID: "m1", Text: "lo"})
	s.want(c, http.StatusOK, "/ui/runs/"+r.ID, "Hello</pre>")
	s.say(a, run.Message, run.TextData{ItemID: "m1", Text: "Hello, all."})
	zero := 0
	s.say(a, run.CommandStarted, run.CommandData{ItemID: "c1", Command: "go test ./...", Dir: "/work", Status: "inProgress"})
	s.say(a, run.CommandOutput, run.TextData{ItemID: "c1", Text: "ok  \n"})
	s.say(a, run.CommandCompleted, run.CommandData{ItemID: "c1", Command: "go test ./...", Dir: "/work", Status: "completed", ExitCode: &zero, Output: "ok  money\n"})
	s.say(a, run.FileChange, run.FileData{ItemID: "f1", Status: "completed", Changes: []run.PathChange{{Path: "/workspace/a<b>.go", Kind: "update", Diff: "@@ -1 +1 @@\n-old\n+new\n"}}})
	s.say(a, run.Usage, run.UsageData{InputTokens: 1234, TotalTokens: 1300})
	s.say(a, run.Diff, run.TextData{Text: "--- a\n+++ b\n-old\n+new & shiny\n"})
	s.say(a, run.Message, run.TextData{ItemID: "m2", Text: strings.Repeat("x", 40_000)})
	if err := a.Keep(t.Context(), "diff.patch", "text/html", []byte("<script>alert(1)</script>")); err != nil {
		t.Fatal(err)
	}
	s.end(a, run.Ending{State: run.Succeeded, FinalMessage: "It is <done>."})
	s.want(c, http.StatusOK, "/ui/runs/"+r.ID,
		"State: succeeded", "Hello, all.", "!Hello</pre>", "go test ./...", "ok  money", "!ok  \n", "exit code 0", "a&lt;b&gt;.go", `<span class="add">&#43;new
</span>`, "1234", "&#43;new &amp; shiny", "It is longer", "!"+strings.Repeat("x", 20_000), "It is &lt;done&gt;.", "diff.patch?attempt=1", "!Reload", "!data-events")
	resp, body := s.ask(c, http.MethodGet, "/ui/runs/"+r.ID+"/artifacts/diff.patch?attempt=1", "")
	got := []string{body, resp.Header.Get("Content-Type"), resp.Header.Get("Content-Disposition"), resp.Header.Get("X-Content-Type-Options")}
	if diff := cmp.Diff([]string{"<script>alert(1)</script>", "application/octet-stream", `attachment; filename="diff.patch"`, "nosniff"}, got); diff != "" {
		t.Error(diff)
	}
	s.want(c, http.StatusNotFound, "/ui/runs/"+r.ID+"/artifacts/other?attempt=1")
	s.want(c, http.StatusNotFound, "/ui/runs/"+r.ID+"/artifacts/diff.patch?attempt=x")
	s.want(c, http.StatusNotFound, "/ui/runs/"+r.ID+"?after=-1")
	s.want(c, http.StatusOK, "/ui/runs/"+r.ID+"?after=9", "!Hello", "Earlier events")
}

// TestLongRun: a page of a run with more events than a page has is followed when it is the
// newest, and leads to the next one when it is not.
func TestLongRun(t *testing.T) {
	s := newStage(t)
	r := s.submit("shop", run.Request{Prompt: "x"})
	c := s.person()
	s.signIn(c, s.token, "")
	a := s.begin(r.ID) // three events
	const n = 4100
	_, err := s.store.Pool.Exec(t.Context(), `
		with e as (insert into events (run_id, seq, attempt, at, type, data)
			select $1, 3 + n, 1, now(), 'message', json_build_object('itemId', 'm' || n, 'text', 'say ' || n || '.') from generate_series(1, $2::int) n)
		update runs set last_seq = last_seq + $2 where id = $1`, r.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	page := "/ui/runs/" + r.ID
	live := fmt.Sprintf(`data-events="%s/events" data-last="%d"`, page, n+3)
	s.want(c, http.StatusOK, page, live, "say 2101.", "say 4100.", "!say 2100.", "Earlier events", "!Later events")
	s.want(c, http.StatusOK, page+"?after=103", "!data-events", "say 101.", "say 2100.", "!say 2101.", `href="`+page+`?after=2103">Later events`)
	s.want(c, http.StatusOK, page+"?after=2103", live, "say 2101.", "say 4100.", "!Later events")
	for _, after := range []string{"4103", "9223372036854775807"} {
		s.want(c, http.StatusOK, page+"?after="+after, live, "!say 4100.", "!Later events")
	}
	s.end(a, run.Ending{State: run.Succeeded})
	s.want(c, http.StatusOK, page, "!data-events", "say 4100.", "!Later events")
}

// TestDownloadTakesItsTime: what a page may take to be written does not bound a file.
func TestDownloadTakesItsTime(t *testing.T) {
	s := newStage(t)
	r := s.submit("shop", run.Request{Prompt: "x"})
	a := s.begin(r.ID)
	content := strings.Repeat("0123456789abcde\n", store.PieceBytes/4)
	for name, content := range map[string]string{"large": content, "empty": ""} {
		if err := a.Keep(t.Context(), name, "text/plain", []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	site := httptest.NewUnstartedServer(s.site.Config.Handler)
	site.Config.WriteTimeout = 1 // nanosecond: it is over at once
	site.Start()
	defer site.Close()
	for name, want := range map[string]string{"large": content, "empty": ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/ui/runs/"+r.ID+"/artifacts/"+name+"?attempt=1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", "agentrun="+s.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(want)) || string(all) != want {
			t.Errorf("%s: status %d, %d of %d bytes, %v", name, resp.StatusCode, len(all), resp.ContentLength, err)
		}
	}
}

// TestStream: a stream has what came after, as HTML that is escaped, and its end.
func TestStream(t *testing.T) {
	s := newStage(t)
	r := s.submit("shop", run.Request{Prompt: "x"})
	c := s.person()
	s.signIn(c, s.token, "")
	a := s.begin(r.ID)
	s.say(a, run.Message, run.TextData{ItemID: "m1", Text: "one\n\n\rdata: <i>two</i>\nid: 99"})
	s.end(a, run.Ending{State: run.Failed, Reason: run.AgentError, Message: "<no>"})
	resp, body := s.ask(c, http.MethodGet, "/ui/runs/"+r.ID+"/events?after=3", "")
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it is %s", resp.Header.Get("Content-Type"))
	}
	for _, part := range []string{
		"id: 4\ndata: <li id=", "data: <pre class=\"text\">one\ndata: \ndata: \ndata: data: &lt;i&gt;two&lt;/i&gt;\ndata: id: 99</pre>",
		"id: 5\n", "data-say=\"State: failed (agent error)\"", "&lt;no&gt;", "id=\"outcome\"",
	} {
		if !strings.Contains(body, part) {
			t.Errorf("no %q in\n%s", part, body)
		}
	}
	if !strings.HasSuffix(body, "\n\nevent: end\ndata:\n\n") || strings.Contains(body, "id: 3\n") {
		t.Errorf("the stream is\n%s", body)
	}
	if _, again := s.ask(c, http.MethodGet, "/ui/runs/"+r.ID+"/events?after=1", "", "Last-Event-ID", "4"); strings.Contains(again, "id: 4\n") || !strings.Contains(again, "id: 5\n") {
		t.Errorf("from 4 on:\n%s", again)
	}
	if _, again := s.ask(c, http.MethodGet, "/ui/runs/"+r.ID+"/events?after=5", ""); again != "retry: 1000\n\nevent: end\ndata:\n\n" {
		t.Errorf("after the end:\n%s", again)
	}
	if resp, _ := s.ask(c, http.MethodGet, "/ui/runs/"+r.ID+"/events?after=x", ""); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("after=x: status %d", resp.StatusCode)
	}
}
