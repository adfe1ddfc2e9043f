package provider

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// respondTo gives the answer to a prompt after some commands have been run.
func respondTo(t testing.TB, server *httptest.Server, key, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/responses", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func request(prompt string, done int) string {
	body := fmt.Sprintf(`{"stream":true,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":%s}]}`, quote(prompt))
	return body + strings.Repeat(`,{"type":"function_call_output"}`, done) + "]}"
}

// TestItDoesWhatItIsTold: the same request has the same answer.
func TestItDoesWhatItIsTold(t *testing.T) {
	server := httptest.NewServer(Handler())
	defer server.Close()
	for _, tt := range []struct {
		prompt string
		done   int
		status int
		parts  []string
	}{
		{"hello", 0, 200, []string{Greeting, "response.completed"}},
		{"model: say one\nmodel: say two", 0, 200, []string{`"delta":"one"`}},
		{"model: run ls\r\nmodel: say two", 0, 200, []string{`"exec_command"`, `{\"cmd\":\"ls\"}`}},
		{"model: run ls\nmodel: say two", 1, 200, []string{`"delta":"two"`, `"resp_2"`}},
		{"model: run ls", 1, 200, []string{Greeting}},
		{"model: ask ls", 0, 200, []string{`require_escalated`}},
		{"model: patch a.txt line", 0, 200, []string{`*** Add File: a.txt\\n+line`}},
		{"model: slow 3 word", 0, 200, []string{`"delta":"word 1. "`, `"delta":"word 3. "`, `"text":"word 1. word 2. word 3. "`}},
		{"model: fail 401", 0, 401, nil},
		{"model: fail 429", 0, 429, nil},
		{"model: fail 500", 0, 500, nil},
		{"model: fail quota", 0, 200, []string{"response.failed", "insufficient_quota"}},
		{"model: fail context", 0, 200, []string{"context_length_exceeded"}},
		{"model: cut", 0, 200, []string{"response.created"}},
		{"model: fail 200", 0, 400, nil},
		{"model: slow 0 x", 0, 400, nil},
		{"model: slow many x", 0, 400, nil},
		{"model: dance", 0, 400, nil},
	} {
		status, answer := respondTo(t, server, "any", request(tt.prompt, tt.done))
		_, again := respondTo(t, server, "any", request(tt.prompt, tt.done))
		if status != tt.status || answer != again {
			t.Errorf("%q gives %d: %s\nand again: %s", tt.prompt, status, answer, again)
		}
		for _, part := range tt.parts {
			if !strings.Contains(answer, part) {
				t.Errorf("%q: %q is missing in:\n%s", tt.prompt, part, answer)
			}
		}
		if cut := strings.HasPrefix(tt.prompt, "model: cut"); cut && strings.Contains(answer, "response.completed") {
			t.Errorf("%q is completed", tt.prompt)
		}
	}
	for name, body := range map[string]string{"no JSON": "{", "no stream": `{"input":[]}`} {
		if status, _ := respondTo(t, server, "any", body); status != 400 {
			t.Errorf("%s gives %d", name, status)
		}
	}
	if status, _ := respondTo(t, server, "", request("hello", 0)); status != 401 {
		t.Errorf("without a key it is %d", status)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(request("model: run ls\nmodel: say x", 1)))
	f.Add([]byte(`{"stream":true,"input":[{"type":"message","role":"user","content":"text"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		prompt, done, err := read(body)
		if err != nil {
			return
		}
		if done < 0 || len(instructions(prompt)) > strings.Count(prompt, "\n") {
			t.Errorf("%q is read as %q, %d", body, prompt, done)
		}
	})
}
