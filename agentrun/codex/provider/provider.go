// Package provider is a model for tests and demonstrations: an endpoint of the
// Responses API that does what the prompt tells it to, line by line.
//
// A line of the prompt that begins with "model: " is an instruction; the model carries
// them out in their order, one for each request of the agent:
//
//	say TEXT        a message; the turn ends
//	slow N TEXT     a message in N pieces, with pauses
//	run COMMAND     a command for the agent to run
//	ask COMMAND     likewise, outside of its sandbox, for which the agent needs approval
//	patch FILE TEXT a new file with one line of text
//	fail STATUS     an HTTP status, such as 401, 429 or 500
//	fail quota      a response that fails, for want of quota
//	fail context    likewise, for a conversation that is too long
//	cut             a stream that ends in its middle
//	hang            a stream that says nothing until the agent goes away
//
// After the last instruction, and without any, it says a greeting. The same request has
// the same answer, so it may be repeated. The package keeps nothing, checks that a key
// is sent, and never looks which.
package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Greeting is what the model says when it is told nothing else.
const Greeting = "Hello from a model that does what it is told."

// Usage is what each response counts.
const Usage = `{"input_tokens":10,"input_tokens_details":{"cached_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":15}`

// maxRequest bounds a request, in bytes: a conversation with its outputs.
const maxRequest = 64 << 20

// Handler serves POST /v1/responses.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/responses", respond)
	return mux
}

func respond(w http.ResponseWriter, r *http.Request) {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || key == "" {
		refuse(w, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	prompt, done, err := read(body)
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	s := &stream{w: w, r: r, n: done + 1}
	verb, rest := "say", Greeting
	if all := instructions(prompt); done < len(all) {
		verb, rest, _ = strings.Cut(all[done], " ")
	}
	switch verb {
	case "say":
		s.begin()
		s.message([]string{rest}, 0)
		s.complete()
	case "slow":
		count, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > 10_000 {
			refuse(w, http.StatusBadRequest)
			return
		}
		s.begin()
		pieces := make([]string, n)
		for i := range pieces {
			pieces[i] = fmt.Sprintf("%s %d. ", text, i+1)
		}
		s.message(pieces, 50*time.Millisecond)
		s.complete()
	case "run":
		s.begin()
		s.command(map[string]any{"cmd": rest})
		s.complete()
	case "ask":
		s.begin()
		s.command(map[string]any{"cmd": rest, "sandbox_permissions": "require_escalated", "justification": "the prompt tells it to"})
		s.complete()
	case "patch":
		file, text, _ := strings.Cut(rest, " ")
		s.begin()
		s.command(map[string]any{"cmd": "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: " + file + "\n+" + text + "\n*** End Patch\nEOF\n"})
		s.complete()
	case "fail":
		if status, err := strconv.Atoi(rest); err == nil && status >= 400 && status < 600 {
			refuse(w, status)
			return
		}
		code := map[string]string{"quota": "insufficient_quota", "context": "context_length_exceeded"}[rest]
		if code == "" {
			refuse(w, http.StatusBadRequest)
			return
		}
		s.begin()
		s.event("response.failed", `{"response":{"id":%q,"error":{"code":%q,"message":"the prompt tells it to"}}}`, s.id(), code)
	case "cut":
		s.begin()
	case "hang":
		s.begin()
		<-r.Context().Done()
	default:
		refuse(w, http.StatusBadRequest)
	}
}

// read gives the last thing that the user said, and how many commands have been run
// since.
func read(body []byte) (prompt string, done int, err error) {
	var request struct {
		Stream bool `json:"stream"`
		Input  []struct {
			Type    string          `json:"type"`
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"input"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return "", 0, err
	}
	if !request.Stream {
		return "", 0, fmt.Errorf("it is no stream that is asked for")
	}
	for _, item := range request.Input {
		switch {
		case item.Type == "message" && item.Role == "user":
			var parts []struct {
				Text string `json:"text"`
			}
			if err := json.Unmarshal(item.Content, &parts); err != nil {
				return "", 0, err
			}
			prompt, done = "", 0
			for _, part := range parts {
				prompt += part.Text + "\n"
			}
		case item.Type == "function_call_output":
			done++
		}
	}
	return prompt, done, nil
}

func instructions(prompt string) []string {
	var all []string
	for line := range strings.Lines(prompt) {
		if rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "model: "); ok {
			all = append(all, rest)
		}
	}
	return all
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"%s","code":"%d"}}`, http.StatusText(status), status)
}

// stream is one response. n numbers it in its conversation.
type stream struct {
	w http.ResponseWriter
	r *http.Request
	n int
}

func (s *stream) id() string { return fmt.Sprintf("resp_%d", s.n) }

func (s *stream) event(kind, format string, args ...any) {
	data := fmt.Appendf(nil, format, args...)
	data = append([]byte(`{"type":`+strconv.Quote(kind)+`,`), bytes.TrimPrefix(data, []byte("{"))...)
	fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", kind, data)
	_ = http.NewResponseController(s.w).Flush()
}

func (s *stream) begin() {
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.event("response.created", `{"response":{"id":%q}}`, s.id())
}

func (s *stream) complete() {
	s.event("response.completed", `{"response":{"id":%q,"usage":%s}}`, s.id(), Usage)
}

func (s *stream) message(pieces []string, pause time.Duration) {
	id := fmt.Sprintf("msg_%d", s.n)
	s.event("response.output_item.added", `{"output_index":0,"item":{"type":"message","role":"assistant","id":%q,"content":[]}}`, id)
	for i, piece := range pieces {
		if i > 0 {
			select {
			case <-time.After(pause):
			case <-s.r.Context().Done():
				return
			}
		}
		s.event("response.output_text.delta", `{"item_id":%q,"output_index":0,"content_index":0,"delta":%s}`, id, quote(piece))
	}
	s.event("response.output_item.done", `{"output_index":0,"item":{"type":"message","role":"assistant","id":%q,"content":[{"type":"output_text","text":%s}]}}`,
		id, quote(strings.Join(pieces, "")))
}

func (s *stream) command(arguments map[string]any) {
	encoded, err := json.Marshal(arguments)
	if err != nil {
		panic(fmt.Errorf("encoding strings: %w", err))
	}
	s.event("response.output_item.done", `{"output_index":0,"item":{"type":"function_call","id":"fc_%d","call_id":"call_%d","name":"exec_command","arguments":%s}}`,
		s.n, s.n, quote(string(encoded)))
}

func quote(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(fmt.Errorf("encoding a string: %w", err))
	}
	return quoted
}
