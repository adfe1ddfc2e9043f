package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goLayer is Go as its own module has it, which the go command checks against the
// public checksum database.
func goLayer(ctx context.Context, version string) (tree, error) {
	fmt.Fprintln(os.Stderr, "fetching", version)
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", "golang.org/toolchain@v0.0.1-"+version+".linux-amd64").Output()
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", version, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", version, err)
	}
	t := tree{}
	err = fs.WalkDir(os.DirFS(module.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if name == "test" || name == "doc" || name == "misc" {
				return fs.SkipDir
			}
			return err
		}
		data, err := os.ReadFile(filepath.Join(module.Dir, name))
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "pkg/tool/") || strings.HasSuffix(name, ".bash") {
			mode = 0o755 // a module's files have no mode
		}
		t["usr/local/go/"+name] = entry{mode: mode, data: data}
		return nil
	})
	return t, err
}

// programs are files of a folder, as programs on the image's PATH.
func programs(dir string, names ...string) (tree, error) {
	t := tree{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("looking for BuildKit (make deps builds it): %w", err)
		}
		t["usr/local/bin/"+name] = entry{mode: 0o755, data: data}
	}
	return t, nil
}
