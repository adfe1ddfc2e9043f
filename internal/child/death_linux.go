package child

import "syscall"

// dieWithParent asks for SIGTERM rather than SIGKILL: a daemon then ends what it
// runs itself in groups that this process does not know.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
