package tree

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/pikasTech/agentrun/internal/git"
)

// Materialize writes files below dir, which must exist. Files have the mode 0644
// or 0755 and new folders 0755, whatever the umask is. Each entry is a regular
// file, as Follow gives it; a path that leads out of dir is an error.
func (t *Tree) Materialize(dir string, files []git.Entry) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	oids := make([]string, len(files))
	for i, f := range files {
		oids[i] = f.OID
	}
	made := map[string]bool{".": true}
	return t.ReadAll(oids, func(i int, data []byte) error {
		name, mode := filepath.FromSlash(files[i].Path), os.FileMode(0o644)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("writing %q: it is outside the folder", files[i].Path)
		}
		if err := makeDir(root, path.Dir(files[i].Path), made); err != nil {
			return err
		}
		if files[i].Mode == git.ModeExecutable {
			mode = 0o755
		}
		if err := root.WriteFile(name, data, mode); err != nil {
			return err
		}
		return root.Chmod(name, mode)
	})
}

func makeDir(root *os.Root, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := makeDir(root, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	name := filepath.FromSlash(dir)
	if err := root.Mkdir(name, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	return root.Chmod(name, 0o755)
}
