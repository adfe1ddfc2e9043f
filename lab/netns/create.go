package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Create makes the namespace with loopback and a bridge that has the node's
// address (such as 10.99.0.1/24) and the default route: without one, the kernel
// would not even try to send to Services.
func (n Namespace) Create(owner, bridge, address string) error {
	if err := n.create(); err != nil {
		return fmt.Errorf("making network namespace %s: %w", n.Name, err)
	}
	if err := n.Do(func() error { return furnish(owner, bridge, address) }); err != nil {
		return errors.Join(fmt.Errorf("making network namespace %s: %w", n.Name, err), n.Delete())
	}
	return nil
}

// create makes a namespace on a thread that is thrown away, and mounts it on its
// name so that it stays without a process.
func (n Namespace) create() error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(n.Path(), os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_ = file.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = unix.Mount(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), n.Path(), "", unix.MS_BIND, "")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return errors.Join(err, n.Delete())
	}
	return nil
}

func furnish(owner, name, address string) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("adding bridge %s: %w", name, err)
	}
	if err := netlink.LinkSetAlias(bridge, owner); err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(bridge, addr); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return err
	}
	_, everywhere, err := net.ParseCIDR("0.0.0.0/0")
	if err != nil {
		return err
	}
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: bridge.Index, Scope: netlink.SCOPE_LINK, Dst: everywhere}); err != nil {
		return fmt.Errorf("adding the default route: %w", err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// Owner is the alias of the namespace's bridge, empty when there is none: then the
// namespace is not the lab's.
func (n Namespace) Owner(bridge string) string {
	owner := ""
	_ = n.Do(func() error {
		link, err := netlink.LinkByName(bridge)
		if err == nil {
			owner = link.Attrs().Alias
		}
		return err
	})
	return owner
}
