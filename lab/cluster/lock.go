package cluster

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/agentrun/lab/problem"
)

// lock keeps other commands from bringing this lab up or down at the same time.
// The state folder itself is what is locked, so nothing is left behind.
func (l *Lab) lock() (release func(), err error) {
	if err := os.MkdirAll(l.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("locking the lab: %w", err)
	}
	dir, err := os.Open(l.Dir)
	if err != nil {
		return nil, fmt.Errorf("locking the lab: %w", err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, problem.New("wait for it to end", "locking the lab: another command is bringing it up or down")
		}
		return nil, fmt.Errorf("locking the lab: %w", err)
	}
	return func() { _ = dir.Close() }, nil
}

// own says whether the network namespace of the lab's name is somebody else's, or
// the state folder holds something that is not a lab.
func (l *Lab) own() error {
	if ns := l.Namespace(); ns.Exists() {
		switch owner := ns.Owner(bridge); owner {
		case l.Dir:
		case "":
			// What a cut creation leaves has no bridge and no process.
			if pids, err := ns.Processes(); err != nil || len(pids) > 0 {
				return problem.New("ip netns delete "+Name+", if nobody needs it",
					"there is a network namespace %s that is not a lab's, with %d processes", Name, len(pids))
			}
		default:
			return problem.New("AGENTRUN_LAB="+owner+" lab down, or use that lab",
				"there is one lab a machine, and it is in %s", owner)
		}
	}
	entries, err := os.ReadDir(l.Dir)
	if err != nil || len(entries) == 0 {
		return nil //nolint:nilerr // there is nothing to disown
	}
	for _, e := range entries {
		if e.Name() == "run" || e.Name() == binariesFile {
			return nil
		}
	}
	return problem.New("choose another folder with AGENTRUN_LAB", "the state folder %s holds something that is not a lab", l.Dir)
}

// clean reports whether nothing of a lab is there.
func (l *Lab) clean() bool {
	entries, _ := os.ReadDir(l.Dir)
	return len(entries) == 0 && !l.Namespace().Exists()
}
