package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// cache is what a builder keeps from call to call. It is used again only if the
// last call closed it, after builds that all went well, in this same boot of the
// machine; else it is thrown away. A builder that is stopped in the middle can
// leave files that are not what its own index says, and a machine that lost power
// can lose what was written: either could come out as another image.
type cache struct {
	dir     string
	folders []string // in dir

	doubted atomic.Bool
}

func (c *cache) seal() string { return filepath.Join(c.dir, "sealed") }

// open ends what still uses the cache, breaks the seal, and throws away what has
// none.
func (c *cache) open(ctx context.Context) error {
	for _, folder := range c.folders {
		if err := endLeft(ctx, filepath.Join(c.dir, folder)); err != nil {
			return err
		}
	}
	sealed, err := os.ReadFile(c.seal())
	if err != nil || string(sealed) != boot() {
		for _, folder := range c.folders {
			if err := removeAll(filepath.Join(c.dir, folder)); err != nil {
				return fmt.Errorf("throwing away a cache that was not closed: %w", err)
			}
		}
	}
	if err := os.RemoveAll(c.seal()); err != nil {
		return fmt.Errorf("opening the builder's cache: %w", err)
	}
	return nil
}

// removeAll is os.RemoveAll where images have folders that nobody may write.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) // if this is not enough, the removal says so
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// suspect keeps the cache from being sealed. A nil cache is somebody else's.
func (c *cache) suspect() {
	if c != nil {
		c.doubted.Store(true)
	}
}

// close seals the cache, when nothing speaks against it and nobody uses it any
// more.
func (c *cache) close() {
	if !c.doubted.Load() {
		// Without a seal the next call only has more to do.
		_ = os.WriteFile(c.seal(), []byte(boot()), 0o600)
	}
}

// boot names this boot of the machine.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(id))
}
