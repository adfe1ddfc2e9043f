// Package fakecodex is a program that speaks as `codex app-server` does, for the
// faults that the real one cannot be made to show. A test binary becomes it by calling
// Main; what it is asked for that it does not expect ends it with exit code 3.
//
// What it says in its ordinary scenarios, and in "approval_zero" and "hang", has the shape
// of what the real program says: tests of package codex hold both against transcripts.
package fakecodex

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Scenarios are the names of what Main can play.
var Scenarios = []string{
	"hello", "exec", "patch", "fail_401", "cut", // as the real one
	"exit1_before_init", "slow_init", "no_account", "account_error", "bad_config", // before the turn
	"bad_line", "long_line", "endless_line", "garbage_items", "approval_zero", "elicitation", "unknown_request", "user_input", // in it
	"crash_mid_turn", "hang", "retry_forever", "interrupt_no_item_completed", "interrupt_no_turn", "deaf", "late_item", "secrets", "flood", // and its end
	"reads_no_task", "torrent", "huge_lines", "many_outputs", // more than a runner can take, or less than it says
	"chat", // a turn that takes some seconds
	Told,
}

// Told is the scenario of a program that plays, in its turn, the one that the first
// word of its prompt names.
const Told = "told"

// Unexpected is the exit code for a request that the scenario does not know.
const Unexpected = 3

// The ids that the fake gives.
const (
	Thread = "01900000-0000-7000-8000-000000000001"
	Turn   = "01900000-0000-7000-8000-000000000002"
)

// fake is the program under way.
type fake struct {
	scenario string
	secret   string

	mu      sync.Mutex // two goroutines speak in some scenarios
	out     *bufio.Writer
	stopped bool // the turn was interrupted
}

// Main plays the scenario on standard input and output. args are the program's own,
// secret is what the scenario "secrets" repeats. It gives the exit code.
func Main(scenario, secret string, args []string) int {
	if !slices.Contains(Scenarios, scenario) {
		fmt.Fprintf(os.Stderr, "fakecodex: no scenario %q\n", scenario)
		return Unexpected
	}
	if len(args) == 0 || args[0] != "app-server" {
		fmt.Fprintf(os.Stderr, "fakecodex: called with %q\n", args)
		return Unexpected
	}
	f := &fake{scenario: scenario, secret: secret, out: bufio.NewWriterSize(os.Stdout, 1<<20)}
	if slices.Contains(args, "--print-startup-config") {
		return f.startupConfig()
	}
	switch scenario {
	case "exit1_before_init":
		fmt.Fprintln(os.Stderr, "\x1b[31mError\x1b[0m: failed to initialize sqlite state runtime under /codex-home")
		return 1
	case "slow_init":
		time.Sleep(time.Hour)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
	}
	return f.serve(os.Stdin)
}

func (f *fake) startupConfig() int {
	if f.scenario == "bad_config" {
		fmt.Println(`{"error":{"code":-32600,"message":"failed to load configuration","data":{"reason":"configLoad","filePath":"/codex-home/config.toml","line":3,"column":7,"detail":"unknown configuration field ` + "`foo_bar`" + `"}}}`)
		return 1
	}
	fmt.Println(`{}`)
	return 0
}

func (f *fake) serve(in io.Reader) int {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			fmt.Fprintf(os.Stderr, "fakecodex: %v\n", err)
			return Unexpected
		}
		if m.Method == "turn/start" && f.scenario == Told {
			if f.scenario = told(m.Params); f.scenario == "" {
				fmt.Fprintf(os.Stderr, "fakecodex: the prompt names no scenario\n")
				return Unexpected
			}
		}
		if code, end := f.handle(m.Method, m.ID, m.Result, m.Error); end {
			return code
		}
		f.flush()
	}
	if f.scenario == "deaf" {
		time.Sleep(time.Hour)
	}
	return 0
}

// told is the scenario that a prompt names, or "".
func told(params json.RawMessage) string {
	var p struct {
		Input []struct {
			Text string `json:"text"`
		} `json:"input"`
	}
	if json.Unmarshal(params, &p) != nil || len(p.Input) != 1 {
		return ""
	}
	name, _, _ := strings.Cut(p.Input[0].Text, " ")
	if name == Told || !slices.Contains(Scenarios, name) {
		return ""
	}
	return name
}

func (f *fake) handle(method string, id, result, refusal json.RawMessage) (code int, end bool) {
	switch method {
	case "initialize":
		f.respond(id, `{"userAgent":"agentrun_runner/0.169.0 (Debian 12.0.0; x86_64) unknown (agentrun_runner; test)","codexHome":"/codex-home","platformFamily":"unix","platformOs":"linux"}`)
	case "initialized":
	case "account/read":
		switch f.scenario {
		case "no_account":
			f.respond(id, `{"account":null,"userId":null,"requiresOpenaiAuth":true,"workspaceRouting":null}`)
		case "account_error":
			f.say(`{"id":%s,"error":{"code":-32600,"message":"plan type is required for chatgpt authentication"}}`, id)
		default:
			f.respond(id, `{"account":{"type":"apiKey"},"userId":null,"requiresOpenaiAuth":true,"workspaceRouting":null}`)
		}
	case "thread/start":
		f.respond(id, `{"thread":{"id":"%s","path":"/nonexistent/rollout.jsonl","status":{"type":"idle"},"cliVersion":"0.169.0","turns":[]},"model":"told","modelProvider":"local","cwd":"/workspace","approvalPolicy":"never","sandbox":{"type":"dangerFullAccess"},"reasoningEffort":null}`, Thread)
		if f.scenario == "reads_no_task" {
			f.flush()
			time.Sleep(time.Hour)
		}
	case "turn/start":
		f.respond(id, `{"turn":%s}`, turn("inProgress", "null"))
		f.note("turn/started", `{"threadId":%q,"turn":%s}`, Thread, turn("inProgress", "null"))
		return f.turn()
	case "turn/interrupt":
		f.respond(id, `{}`)
		return f.interrupted()
	case "":
		return f.answered(id, result, refusal)
	default:
		fmt.Fprintf(os.Stderr, "fakecodex: %s is not expected\n", method)
		return Unexpected, true
	}
	return 0, false
}

func turn(status, err string) string {
	return fmt.Sprintf(`{"id":%q,"rootTurnId":%q,"items":[],"itemsView":"summary","status":%q,"error":%s,"startedAt":null,"completedAt":null,"durationMs":12}`, Turn, Turn, status, err)
}

func (f *fake) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.out, format+"\n", args...)
}

func (f *fake) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out.Flush()
}

func (f *fake) respond(id json.RawMessage, format string, args ...any) {
	f.say(`{"id":%s,"result":%s}`, id, fmt.Sprintf(format, args...))
}

func (f *fake) note(method, format string, args ...any) {
	f.say(`{"method":%q,"params":%s,"emittedAtMs":1790000000000}`, method, fmt.Sprintf(format, args...))
}

func (f *fake) ask(id, method, format string, args ...any) {
	f.say(`{"method":%q,"id":%s,"params":%s}`, method, id, fmt.Sprintf(format, args...))
}

func (f *fake) item(method, item string) {
	f.note(method, `{"item":%s,"threadId":%q,"turnId":%q}`, item, Thread, Turn)
}

func (f *fake) message(id, text string) {
	quoted, _ := json.Marshal(text)
	f.item("item/started", fmt.Sprintf(`{"type":"agentMessage","id":%q,"text":"","phase":null}`, id))
	f.note("item/agentMessage/delta", `{"threadId":%q,"turnId":%q,"itemId":%q,"delta":%s}`, Thread, Turn, id, quoted)
	f.item("item/completed", fmt.Sprintf(`{"type":"agentMessage","id":%q,"text":%s,"phase":null}`, id, quoted))
}

func (f *fake) command(id, status, output, exit string) string {
	return fmt.Sprintf(`{"type":"commandExecution","id":%q,"command":"/bin/bash -lc 'echo hi'","cwd":"/workspace","processId":"7","source":"unifiedExecStartup","status":%q,"aggregatedOutput":%s,"exitCode":%s,"durationMs":0}`, id, status, output, exit)
}

func (f *fake) complete(status, err string) {
	f.note("turn/completed", `{"threadId":%q,"turn":%s}`, Thread, turn(status, err))
}

// turn plays what follows on the prompt.
func (f *fake) turn() (code int, end bool) {
	switch f.scenario {
	case "hello":
		f.message("msg_1", "Hello from a model that does what it is told.")
	case "exec", "late_item":
		f.item("item/started", f.command("call_1", "inProgress", "null", "null"))
		if f.scenario == "late_item" {
			f.complete("completed", "null")
		}
		f.item("item/completed", f.command("call_1", "completed", `"hi\n"`, "0"))
		if f.scenario == "late_item" {
			return 0, false
		}
		f.message("msg_2", "done")
	case "patch":
		file := `{"type":"fileChange","id":"call_1","changes":[{"path":"/workspace/new.txt","kind":{"type":"add"},"diff":"a line\n"}],"status":%q}`
		diff := func() {
			f.note("turn/diff/updated", `{"threadId":%q,"turnId":%q,"diff":"diff --git a/new.txt b/new.txt\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+a line\n"}`, Thread, Turn)
		}
		f.item("item/started", fmt.Sprintf(file, "inProgress"))
		f.item("item/completed", fmt.Sprintf(file, "completed"))
		diff()
		f.message("msg_2", "done")
		diff() // once more, as it is
	case "fail_401":
		f.fails("unexpected status 401 Unauthorized", `{"httpConnectionFailed":{"httpStatusCode":401}}`)
		return 0, false
	case "cut":
		f.fails("stream disconnected before completion: stream closed before response.completed", `"other"`)
		return 0, false
	case "bad_line":
		f.say("thread 'main' panicked at nothing")
		f.say(`{"method":`)
		f.say(`{"id":null}`)
		f.say("")
		f.message("msg_1", "still here")
	case "long_line":
		f.item("item/started", f.command("call_1", "inProgress", "null", "null"))
		f.item("item/completed", f.command("call_1", "completed", `"`+strings.Repeat(`0123456789abcde\n`, 1<<17)+`"`, "0"))
		f.message("msg_1", "that was long")
	case "many_outputs":
		for i := range 70 {
			f.item("item/completed", f.command(fmt.Sprintf("call_%d", i), "completed", `"`+strings.Repeat(`0123456789abcde\n`, 1<<13)+`"`, "0"))
		}
		f.note("turn/diff/updated", `{"threadId":%q,"turnId":%q,"diff":"+a line\n"}`, Thread, Turn)
		f.message("msg_1", "that was much")
	case "endless_line":
		f.flush()
		chunk := strings.Repeat("x", 1<<20)
		for range 80 {
			if _, err := io.WriteString(os.Stdout, chunk); err != nil {
				return 0, true
			}
		}
		time.Sleep(time.Hour)
	case "garbage_items":
		f.note("item/started", `{"item":7}`)
		f.note("item/completed", `[]`)
		f.note("item/completed", `{"item":{"type":"dreamSequence","id":"d_1","text":"new"}}`)
		f.note("thread/tokenUsage/updated", `{"tokenUsage":"many"}`)
		f.note("some/newNotification", `{}`)
		f.message("msg_1", "still here")
	case "approval_zero":
		f.item("item/started", f.command("call_1", "inProgress", "null", "null"))
		f.ask("0", "item/commandExecution/requestApproval", `{"kind":"command","threadId":%q,"turnId":%q,"itemId":"call_1","reason":"need it","command":"/bin/bash -lc 'touch x'","cwd":"/workspace","availableDecisions":["accept","cancel"]}`, Thread, Turn)
		return 0, false
	case "elicitation":
		f.ask(`"e-1"`, "mcpServer/elicitation/request", `{"threadId":%q,"serverName":"s","message":"which?"}`, Thread)
		return 0, false
	case "user_input":
		f.ask("5", "item/tool/requestUserInput", `{"threadId":%q,"itemId":"q_1","questions":[]}`, Thread)
		return 0, false
	case "unknown_request":
		f.ask("4", "future/request", `{}`)
		return 0, false
	case "crash_mid_turn":
		f.item("item/started", f.command("call_1", "inProgress", "null", "null"))
		f.flush()
		fmt.Fprintln(os.Stderr, "thread 'tokio-runtime-worker' panicked")
		return 101, true
	case "retry_forever":
		go func() {
			for i := 1; ; i++ {
				f.note("error", `{"error":{"message":"Reconnecting... waiting for network","codexErrorInfo":"other","additionalDetails":null},"willRetry":true,"threadId":%q,"turnId":%q}`, Thread, Turn)
				f.flush()
				time.Sleep(100 * time.Millisecond)
			}
		}()
		return 0, false
	case "hang", "interrupt_no_turn", "deaf":
		return 0, false
	case "chat":
		go f.chat()
		return 0, false
	case "torrent":
		text := strings.Repeat("0123456789abcdef", 2<<10)
		go func() {
			for i := 1; ; i++ {
				f.item("item/completed", fmt.Sprintf(`{"type":"agentMessage","id":"msg_%d","text":%q}`, i, text))
				f.flush()
			}
		}()
		return 0, false
	case "huge_lines":
		output := strings.Repeat("0123456789abcdef", 60<<16) // 60 MiB
		for i := range 3 {                                   // one being taken, one read, one waiting
			f.item("item/completed", f.command(fmt.Sprintf("call_%d", i), "completed", `"`+output+`"`, "0"))
		}
		f.message("msg_1", "that was long")
	case "interrupt_no_item_completed":
		f.item("item/started", f.command("call_1", "inProgress", "null", "null"))
		return 0, false
	case "secrets":
		quoted, _ := json.Marshal(f.secret)
		half := len(f.secret) / 2
		f.item("item/started", `{"type":"agentMessage","id":"msg_1","text":""}`)
		for _, piece := range []string{"the key is ", f.secret[:half], f.secret[half:], ", I think"} {
			text, _ := json.Marshal(piece)
			f.note("item/agentMessage/delta", `{"threadId":%q,"turnId":%q,"itemId":"msg_1","delta":%s}`, Thread, Turn, text)
			f.flush()
			time.Sleep(20 * time.Millisecond)
		}
		f.item("item/completed", fmt.Sprintf(`{"type":"agentMessage","id":"msg_1","text":%s}`, quoted))
		f.item("item/completed", f.command("call_1", "completed", string(quoted), "0"))
		f.note("turn/diff/updated", `{"threadId":%q,"turnId":%q,"diff":%s}`, Thread, Turn, quoted)
		f.item("item/completed", fmt.Sprintf(`{"type":"dreamSequence","id":"d","text":%s}`, quoted))
		fmt.Fprintln(os.Stderr, f.secret)
		f.complete("failed", fmt.Sprintf(`{"message":%s,"codexErrorInfo":"other","additionalDetails":null}`, quoted))
		return 0, false
	case "flood":
		f.item("item/started", `{"type":"agentMessage","id":"msg_1","text":""}`)
		for range 100_000 {
			f.note("item/agentMessage/delta", `{"threadId":%q,"turnId":%q,"itemId":"msg_1","delta":"word "}`, Thread, Turn)
		}
		f.item("item/completed", `{"type":"agentMessage","id":"msg_1","text":"many words"}`)
	}
	f.complete("completed", "null")
	return 0, false
}

// Messages is how many the scenario "chat" says, unless it is interrupted.
const Messages = 30

// chat says a message every now and then.
func (f *fake) chat() {
	for i := range Messages {
		f.mu.Lock()
		stopped := f.stopped
		f.mu.Unlock()
		if stopped {
			return
		}
		f.message(fmt.Sprintf("msg_%d", i+1), fmt.Sprintf("message %d", i+1))
		f.flush()
		time.Sleep(100 * time.Millisecond)
	}
	f.complete("completed", "null")
	f.flush()
}

// fails plays a provider in trouble: one more try, and the end.
func (f *fake) fails(message, info string) {
	problem := `{"message":%q,"codexErrorInfo":%s,"additionalDetails":null}`
	f.note("error", `{"error":%s,"willRetry":true,"threadId":%q,"turnId":%q}`, fmt.Sprintf(problem, "Reconnecting... 1/1", `{"responseStreamDisconnected":{"httpStatusCode":null}}`), Thread, Turn)
	last := fmt.Sprintf(problem, message, info)
	f.note("error", `{"error":%s,"willRetry":false,"threadId":%q,"turnId":%q}`, last, Thread, Turn)
	f.complete("failed", last)
}

// interrupted plays what follows on an interruption.
func (f *fake) interrupted() (code int, end bool) {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	switch f.scenario {
	case "interrupt_no_turn", "deaf":
	default:
		f.complete("interrupted", "null")
	}
	return 0, false
}

// answered takes the answer to what was asked.
func (f *fake) answered(id, result, refusal json.RawMessage) (code int, end bool) {
	if f.scenario == "approval_zero" {
		f.note("serverRequest/resolved", `{"threadId":%q,"requestId":%s}`, Thread, id)
		f.item("item/completed", f.command("call_1", "completed", `"hi\n"`, "0"))
	}
	text := fmt.Sprintf("%s was answered with %s%s", id, result, refusal)
	f.message("msg_1", text)
	if strings.Contains(string(result), `"cancel"`) {
		f.complete("interrupted", "null")
	} else {
		f.complete("completed", "null")
	}
	return 0, false
}
