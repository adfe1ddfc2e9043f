package codex

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAWriteIsGivenUp: a program that does not read holds nobody up, and what is said
// after that fails too or waits no longer.
func TestAWriteIsGivenUp(t *testing.T) {
	program, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Command{Path: program, Args: []string{"3600"}, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("the test wants it")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	// More than a pipe takes.
	if _, err := s.StartTurn(ctx, "thread", strings.Repeat("a long task ", 20_000), ""); !errors.Is(err, why) {
		t.Errorf("it gives %v", err)
	}
	if _, err := s.Account(ctx); !errors.Is(err, why) {
		t.Errorf("then it gives %v", err)
	}
	if err := s.End(0); err == nil {
		t.Error("a program that was stopped ends well")
	}
}

// TestWhoeverHasEndedIsNotSpokenTo: however early it ended, that is what is told.
func TestWhoeverHasEndedIsNotSpokenTo(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Command{Path: program, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if _, err := s.Account(t.Context()); !errors.Is(err, ErrEnded) {
		t.Errorf("it gives %v", err)
	}
	if err := s.End(0); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
