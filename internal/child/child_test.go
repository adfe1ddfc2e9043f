package child_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/agentrun/internal/child"
)

// TestMain lets the test binary play a parent that starts a child and waits to
// be killed.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_PARENT") != "" {
		cmd := exec.Command("sh", "-c", "echo ready; exec cat")
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if err := child.Run(context.Background(), cmd); err != nil {
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

func TestRunGivesTheChildsEnd(t *testing.T) {
	if err := child.Run(t.Context(), exec.Command("true")); err != nil {
		t.Error(err)
	}
	err := child.Run(t.Context(), exec.Command("sh", "-c", "exit 7"))
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("got %v, want exit 7", err)
	}
	if err := child.Run(t.Context(), exec.Command("/no/such/program")); !child.Missing(err) {
		t.Errorf("got %v, want a missing program", err)
	}
}

// What a child started ends with it, and the context's cause comes back.
func TestRunStopsTheWholeGroup(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	cmd := exec.Command("sh", "-c", "cat /dev/zero >/dev/null & echo ready; wait")
	cmd.Stdout = w
	lines := bufio.NewReader(r)
	go func() {
		if _, err := lines.ReadString('\n'); err == nil {
			cancel(errors.New("enough"))
		}
	}()
	err = child.Run(ctx, cmd)
	w.Close()
	if err == nil || err.Error() != "enough" {
		t.Errorf("got %v", err)
	}
	// The pipe ends only when the last of the group is gone.
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
}

func TestStopTwice(t *testing.T) {
	p, err := child.Start(exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	p.Stop()
	if p.Err() == nil {
		t.Error("a stopped child ended well")
	}
}

// A parent that is killed without a chance to answer takes its child along.
func TestKilledParentLeavesNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hold, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "CHILD_TEST_PARENT=1")
	cmd.Stdin = hold
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hold.Close()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("parent said %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The child would hold its output open as long as its input is.
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
}
