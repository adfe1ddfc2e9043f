// Package process keeps the daemons of the lab: each is started in a session of
// its own, so that it outlives the command that starts it, and is written down by
// pid and start time in a file of its own, so that any later command can find it.
//
// A process is only ever signalled through a handle that was checked against the
// start time: a pid that now belongs to somebody else is never touched. A zombie
// counts as ended.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Process is a process by what cannot be mistaken for another.
type Process struct {
	Pid   int    `json:"pid"`
	Start uint64 `json:"start"` // in clock ticks since boot, as in /proc/PID/stat
}

// Find is the process that has the pid now; the zero Process when there is none.
func Find(pid int) Process {
	start, alive := stat(pid)
	if !alive {
		return Process{}
	}
	return Process{Pid: pid, Start: start}
}

// Alive reports whether the process still runs.
func (p Process) Alive() bool {
	start, alive := stat(p.Pid)
	return alive && p.Pid > 0 && start == p.Start
}

// RSS is the memory that the process has in use, in bytes; 0 when it has ended.
func (p Process) RSS() int64 {
	if !p.Alive() {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.Pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// Stop asks the process to end, kills it after grace, and waits for its end.
func (p Process) Stop(ctx context.Context, grace time.Duration) error {
	if p.Pid <= 0 {
		return nil
	}
	handle, err := os.FindProcess(p.Pid)
	if err != nil {
		return fmt.Errorf("stopping process %d: %w", p.Pid, err)
	}
	// The handle is of whoever has the pid now; from here on it cannot change hands.
	defer handle.Release() //nolint:errcheck // nothing to do about it
	if !p.Alive() {
		return nil
	}
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, 10 * time.Second}} {
		if step.wait <= 0 {
			continue
		}
		if err := handle.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stopping process %d: %w", p.Pid, err)
		}
		if p.gone(ctx, step.wait) {
			return nil
		}
	}
	return fmt.Errorf("stopping process %d: it does not end even when killed", p.Pid)
}

func (p Process) gone(ctx context.Context, wait time.Duration) bool {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.Alive() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// stat reads a process' start time from /proc/PID/stat, whose second field is a
// name in brackets that may hold anything.
func stat(pid int) (start uint64, alive bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const state, starttime = 0, 19 // the third and the twenty-second field of all
	if len(fields) <= starttime {
		return 0, false
	}
	start, err = strconv.ParseUint(string(fields[starttime]), 10, 64)
	return start, err == nil && !bytes.ContainsAny(fields[state], "ZX")
}

// Ancestors are this process and those that it was started from.
func Ancestors() []int {
	var pids []int
	for pid := os.Getpid(); pid > 0; pid = parent(pid) {
		pids = append(pids, pid)
	}
	return pids
}

func parent(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(string(fields[1]))
	return ppid
}
