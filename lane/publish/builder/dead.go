package builder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// endLeft ends the builders that a killed call left running over root: they are
// asked to end, and then made to. The caller holds the lock of the state folder,
// so no living call uses root.
func endLeft(ctx context.Context, root string) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for deadline := time.Now().Add(child.Grace); time.Now().Before(deadline); {
			pids := users(root)
			if len(pids) == 0 {
				return nil
			}
			for _, pid := range pids {
				_ = syscall.Kill(pid, sig) // it may be gone already
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("ending what a killed call left: %w", context.Cause(ctx))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return fail.Fail(root, "end the program that uses this folder, or choose another state folder", "a builder that an earlier call started does not end")
}

// users are the processes that were started, by this package, with this --root.
func users(root string) []int {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil
	}
	var pids []int
	want := []byte("\x00--root\x00" + root + "\x00")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, want) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
