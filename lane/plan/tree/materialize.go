package tree

import (
	"os"
	"path/filepath"

	"github.com/pikasTech/agentrun/internal/git"
)

// Materialize writes files below dir, with mode 0644 or 0755 whatever the umask
// is. Each entry is a regular file, as Follow gives it.
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
	return t.ReadAll(oids, func(i int, data []byte) error {
		name, mode := filepath.FromSlash(files[i].Path), os.FileMode(0o644)
		if files[i].Mode == git.ModeExecutable {
			mode = 0o755
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, data, mode); err != nil {
			return err
		}
		return root.Chmod(name, mode)
	})
}
