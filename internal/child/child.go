// Package child runs programs that must not outlive this process.
//
// Each child leads a process group of its own, so that its end is
// also the end of what it started, and a Ctrl-C in the terminal reaches this process first,
// which then stops its children in order. On Linux the kernel signals a child
// when this process dies in a way that it cannot answer, such as kill -9.
// Children are always stopped by their process id, never by a name. The package
// writes no file, prints nothing and adds nothing to a child's environment.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Grace is how long a child may take to end after it was asked to.
const Grace = 5 * time.Second

// Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	stop sync.Once
}

// Start starts cmd, which must not have been started. The caller ends it with
// Stop. A missing program is an error that satisfies errors.Is(err, exec.ErrNotFound)
// or errors.Is(err, fs.ErrNotExist).
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	// Pipes that a grandchild holds open must not keep Wait for ever.
	cmd.WaitDelay = Grace

	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel's signal comes when the thread that forked ends, so that
		// thread is kept for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		// What the child left behind in its group ends with it, at once: later
		// the number may belong to somebody else.
		p.signal(syscall.SIGKILL)
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Pid is the child's process id, also that of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, as exec.Cmd.Wait says it. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop asks the child's group to end, kills it after Grace, and returns when
// the child has ended. It may be called more than once.
func (p *Process) Stop() {
	p.stop.Do(func() {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			select {
			case <-p.done:
				return
			default:
				p.signal(sig)
			}
			select {
			case <-p.done:
			case <-time.After(Grace):
			}
		}
	})
	<-p.done
}

func (p *Process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// Run starts cmd and waits for it. When ctx ends first the child is stopped and
// the error is ctx's cause.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	p, err := Start(cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return p.Err()
	case <-ctx.Done():
		p.Stop()
		return context.Cause(ctx)
	}
}

// Missing reports whether err says that a program is not there.
func Missing(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist)
}
