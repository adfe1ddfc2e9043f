//go:build !linux

package runner

// Adopt is for Linux, where runners run.
func Adopt() error { return nil }

// EndOrphans likewise.
func EndOrphans() {}

// ReapOrphans likewise.
func ReapOrphans(int) {}
