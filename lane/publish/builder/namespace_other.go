//go:build !linux

package builder

import "syscall"

// The builders are programs for Linux: elsewhere they are not found, or are
// reached through BUILDKIT_HOST.
func ownMounts(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func rootWithNetwork(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
