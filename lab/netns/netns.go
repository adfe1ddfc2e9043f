// Package netns is the lab's network namespace: a host of its own, with a
// loopback, a node address on a bridge and nothing that leads out of it.
//
// A namespace is known by its name under /run/netns, as with the ip command, and
// its bridge carries the owner's name as an alias, so that a namespace of somebody
// else's is never entered or removed. Work inside it happens on a thread of its
// own that ends with the work: no other goroutine ever finds itself inside.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const folder = "/run/netns"

// Namespace is a network namespace by name; it may or may not exist.
type Namespace struct{ Name string }

// Path is the file that stands for the namespace.
func (n Namespace) Path() string { return filepath.Join(folder, n.Name) }

// Exists reports whether there is such a namespace, or what is left of one.
func (n Namespace) Exists() bool {
	_, err := os.Lstat(n.Path())
	return err == nil
}

// Do runs f inside the namespace. What f starts, and the sockets that it opens,
// stay inside; f must do so on its own goroutine.
func (n Namespace) Do(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine instead of going back
		// to the others.
		runtime.LockOSThread()
		err := n.enter()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Enter puts the calling goroutine inside for good. It is for a process that is
// about to become another program.
func (n Namespace) Enter() error {
	runtime.LockOSThread()
	return n.enter()
}

func (n Namespace) enter() error {
	file, err := os.Open(n.Path())
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", n.Name, err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering network namespace %s: %w", n.Name, err)
	}
	return nil
}

// Listen listens inside the namespace; the listener can be used from anywhere.
func (n Namespace) Listen(address string) (net.Listener, error) {
	var listener net.Listener
	err := n.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// Dial connects inside the namespace. The address must be numeric: names would be
// looked up on other threads, outside.
func (n Namespace) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if network != "unix" && net.ParseIP(host) == nil {
		return nil, fmt.Errorf("dialing %s in network namespace %s: not a numeric address", address, n.Name)
	}
	var conn net.Conn
	err = n.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Processes are the pids of all processes inside.
func (n Namespace) Processes() ([]int, error) {
	var own unix.Stat_t
	if err := unix.Stat(n.Path(), &own); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking at %s: %w", n.Path(), err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that ended meanwhile is not inside.
		var s unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &s) == nil && s.Ino == own.Ino && s.Dev == own.Dev {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Delete removes the namespace; its links go with the last process inside.
func (n Namespace) Delete() error {
	// A file that nothing is mounted on is what a cut creation leaves.
	if err := unix.Unmount(n.Path(), unix.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("unmounting %s: %w", n.Path(), err)
	}
	if err := os.Remove(n.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing network namespace %s: %w", n.Name, err)
	}
	return nil
}
