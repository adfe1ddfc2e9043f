package process_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lab/process"
)

// TestDaemon starts one, finds it again by what is written down, and stops it;
// another process is never taken for it.
func TestDaemon(t *testing.T) {
	table := process.Table{Dir: t.TempDir(), Logs: t.TempDir(), PATH: os.Getenv("PATH")}
	if err := table.Start(process.Spec{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", "echo awake; exec sleep 1000"}, Home: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	p := table.Get("sleeper")
	if !p.Alive() || p.RSS() == 0 || !slices.Equal(table.Names(), []string{"sleeper"}) {
		t.Fatalf("%+v is not alive; %v", p, table.Names())
	}
	other := process.Process{Pid: p.Pid, Start: p.Start + 1}
	if other.Alive() {
		t.Error("a process with another start is taken for this one")
	}
	if err := other.Stop(t.Context(), time.Second); err != nil || !p.Alive() {
		t.Errorf("stopping another stopped this one: %v", err)
	}
	if err := p.Stop(t.Context(), time.Second); err != nil || p.Alive() {
		t.Errorf("it still runs: %v", err)
	}
	if err := p.Stop(t.Context(), time.Second); err != nil {
		t.Errorf("stopping it twice: %v", err)
	}
	if (process.Process{}).Alive() || table.Get("none") != (process.Process{}) {
		t.Error("no process is taken for one")
	}
	if !slices.Contains(process.Ancestors(), os.Getppid()) {
		t.Errorf("the parent %d is not in %v", os.Getppid(), process.Ancestors())
	}
}
