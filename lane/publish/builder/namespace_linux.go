package builder

import (
	"os"
	"syscall"
)

// ownMounts gives a daemon mounts of its own, so that they end with it, and,
// when rootless, a user namespace in which this user is root and the only one.
func ownMounts(rootless bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if rootless {
		asRoot(attr)
	}
	return attr
}

// rootWithNetwork makes the program root, if only in a user namespace. Without
// network it gets one of its own, that leads nowhere.
func rootWithNetwork(network bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		asRoot(attr)
	}
	if !network {
		attr.Cloneflags |= syscall.CLONE_NEWNET
	}
	return attr
}

func asRoot(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
}
