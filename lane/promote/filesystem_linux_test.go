package promote_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/promote"
)

// mount puts a small file system at dir. Elsewhere than in CI a user who may not
// mount skips: TestFullDisk and TestCacheFolderCannotBeUsed need no mount.
func mount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size=64k")
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") != "true" {
		t.Skipf("mounting a small file system: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A real file system without room, where the test may mount one.
func TestFullFileSystem(t *testing.T) {
	w := newWorld(t, 3)
	small := t.TempDir()
	mount(t, small, 0)
	defer func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) }()
	b := w.branch
	b.Cache = small
	filler := filepath.Join(small, "filler")
	if err := os.WriteFile(filler, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
	if err == nil || fail.HintOf(err) == "" {
		t.Fatalf("on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	apply(t, b, w.release(w.commits[1], "api"), promote.Promoted)
}

func TestReadOnlyFileSystem(t *testing.T) {
	w := newWorld(t, 2)
	sealed := t.TempDir()
	mount(t, sealed, syscall.MS_RDONLY)
	defer func() { _ = syscall.Unmount(sealed, syscall.MNT_DETACH) }()
	b := w.branch
	b.Cache = sealed
	_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, 1, "", "cannot be used", "read-only")
}
