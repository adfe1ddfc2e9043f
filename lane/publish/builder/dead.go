package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// clearDead removes what a killed call left behind: its socket and, if it is
// still on its way out, its daemon. The caller holds the lock of the state
// folder, so no living call uses root.
func clearDead(ctx context.Context, root, socket string) error {
	deadline := time.Now().Add(child.Grace)
	for !free(filepath.Join(root, "buildkitd.lock")) {
		if time.Now().After(deadline) {
			if killed := killDaemons(root); killed == 0 || time.Now().After(deadline.Add(child.Grace)) {
				return fail.Fail(root, "end the buildkitd that uses this folder, or choose another state folder", "another program holds the lock of the builder's state")
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a stale socket: %w", err)
	}
	return nil
}

// free reports whether nobody holds the lock file.
func free(lock string) bool {
	f, err := os.OpenFile(lock, os.O_RDWR, 0)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// killDaemons ends the processes whose command line is that of a buildkitd that
// this package started with this root, and counts them.
func killDaemons(root string) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	want := []byte("\x00--root\x00" + root + "\x00--addr\x00")
	n := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, want) && syscall.Kill(pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}
