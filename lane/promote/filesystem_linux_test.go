package promote_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pikasTech/agentrun/lane/promote"
)

// A real file system without room, where the test may mount one.
func TestFullFileSystem(t *testing.T) {
	w := newWorld(t, 3)
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a small file system: %v (TestFullDisk covers this without)", err)
	}
	defer func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) }()
	b := w.branch
	b.Cache = small
	filler := filepath.Join(small, "filler")
	if err := os.WriteFile(filler, make([]byte, 40<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
	if err == nil {
		t.Fatal("it promoted on a full disk")
	}
	t.Log(err)
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
	if err := syscall.Mount("tmpfs", sealed, "tmpfs", syscall.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("mounting a read-only file system: %v (TestCacheFolderCannotBeUsed covers this without)", err)
	}
	defer func() { _ = syscall.Unmount(sealed, syscall.MNT_DETACH) }()
	b := w.branch
	b.Cache = sealed
	_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, 1, "", "cannot be used", "read-only")
}
