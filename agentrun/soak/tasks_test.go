package soak

import (
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// task is what a run is asked for, and how it ends when nothing befalls it.
type task struct {
	name     string
	request  run.Request
	cancel   bool // by its user, at some time
	state    run.State
	reason   run.Reason
	final    string // last words
	attempts int    // that it takes
}

func tasks() []task {
	const tries = 5
	hello := "Hello from a model that does what it is told."
	ok := func(name, final string) task {
		return task{name: name, request: run.Request{Prompt: name, MaxAttempts: tries}, state: run.Succeeded, final: final, attempts: 1}
	}
	chat := ok("chat", fmt.Sprintf("message %d", fakecodex.Messages))
	dropped := ok("chat", chat.final)
	dropped.name, dropped.cancel = "chat, cancelled", true
	fails := func(name string, reason run.Reason, attempts int) task {
		return task{name: name, request: run.Request{Prompt: name, MaxAttempts: max(2, attempts)}, state: run.Failed, reason: reason, attempts: attempts}
	}
	return append(slices.Repeat([]task{chat}, 9),
		ok("hello", hello), ok("exec", "done"), ok("patch", "done"), ok("patch", "done"), ok("flood", "many words"), ok("long_line", "that was long"),
		fails("fail_401", run.AuthRejected, 1), fails("crash_mid_turn", run.AppServerCrashed, 1), fails("cut", run.ProviderUnavailable, 2),
		task{name: "hang, deadline", request: run.Request{Prompt: "hang", MaxAttempts: tries, Deadline: 4}, state: run.TimedOut, attempts: 1},
		task{name: "hang, cancelled", request: run.Request{Prompt: "hang", MaxAttempts: tries}, state: run.Cancelled, attempts: 1, cancel: true},
		dropped,
	)
}
