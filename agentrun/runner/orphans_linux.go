package runner

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt makes this process the parent of what its descendants leave behind. Codex does
// not end all that its agent has started.
func Adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// EndOrphans kills every child of this process and what they leave, until there is
// none.
func EndOrphans() {
	for range 100 { // each round can uncover grandchildren
		children := childrenOf(os.Getpid())
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ReapOrphans takes in the children of this process that have ended, except one: what
// Codex leaves behind has nobody else to do it, and counts as a process of the pod until
// then. The one is Codex itself, whose end somebody waits for; this process must have
// started no other, nor start one meanwhile.
func ReapOrphans(except int) {
	for _, pid := range childrenOf(os.Getpid()) {
		if pid != except { // nobody else waits for it, so the number stays its own
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// childrenOf lists the processes whose parent is pid, those that have ended and wait
// for it included.
func childrenOf(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var children []int
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		if parentIn(stat) == pid {
			children = append(children, child)
		}
	}
	return children
}

// parentIn reads "pid (name) state parent ...", where the name may have anything in it.
// It gives 0 for what is not of that form.
func parentIn(stat []byte) int {
	_, rest, _ := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	fields := bytes.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil || parent < 0 {
		return 0
	}
	return parent
}
