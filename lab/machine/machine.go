// Package machine is what the lab needs of the machine that it runs on, and what
// it leaves there: it checks before anything is touched, notes what was there
// before, and takes back what the lab's programs made outside of its folder.
//
// It removes only what it saw missing before, or what bears the lab's name.
package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/lab/problem"
	"golang.org/x/sys/unix"
)

// Check says what of the machine is missing: Linux, root, cgroup controllers.
func Check() error {
	if runtime.GOOS != "linux" {
		return problem.New("run it in a Linux machine, a virtual one will do",
			"checking the machine: the lab needs Linux, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return problem.New("run it as root, with sudo say",
			"checking the machine: making namespaces and mounts needs root, this is user %d", os.Geteuid())
	}
	have := controllers()
	for _, need := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids"} {
		// In version 2 the accounting, devices and freezing are always there.
		if unified() && slices.Contains([]string{"cpuacct", "devices", "freezer"}, need) {
			continue
		}
		if !slices.Contains(have, need) {
			return problem.New("boot a kernel with it enabled, or mount it below /sys/fs/cgroup",
				"checking the machine: the kubelet needs the cgroup controller %s; there are %s", need, strings.Join(have, " "))
		}
	}
	return nil
}

// Space says whether there is too little free disk at dir, or at the nearest
// folder above it that exists.
func Space(dir string, need uint64, purpose string) error {
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if errors.Is(err, fs.ErrNotExist) && dir != "/" {
			dir = parent(dir)
			continue
		}
		if err != nil {
			return fmt.Errorf("asking for free space at %s: %w", dir, err)
		}
		if free := s.Bavail * uint64(s.Bsize); free < need {
			return problem.New("make room there, or choose another folder with AGENTRUN_LAB and AGENTRUN_LAB_CACHE",
				"checking the machine: %s needs %d MB at %s, there are %d MB free", purpose, need>>20, dir, free>>20)
		}
		return nil
	}
}

func parent(dir string) string {
	if i := strings.LastIndexByte(dir, '/'); i > 0 {
		return dir[:i]
	}
	return "/"
}
