package golang

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"

	"github.com/pikasTech/agentrun/internal/fail"
)

// moduleDirs are the folders of the jobs' modules in the module cache. What is
// not there is downloaded by the go command, which also checks the hashes.
func (l *Loader) moduleDirs(ctx context.Context, m *mainModule, jobs []*job) (map[*owner]string, error) {
	cache, err := l.Tool.ModuleCache(ctx)
	if err != nil {
		return nil, err
	}
	dirs := map[*owner]string{}
	var missing []string
	for _, j := range jobs {
		o := j.place.owner
		if _, ok := dirs[o]; ok {
			continue
		}
		if dirs[o], err = extracted(cache, o); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, o.source.String())
		} else if err != nil {
			return nil, err
		}
	}
	if len(missing) == 0 {
		return dirs, nil
	}
	if err := l.download(ctx, m, missing); err != nil {
		return nil, fail.Fail(path.Join(m.owner.dir, "go.mod"), "check the network and GOPROXY, or fill the module cache with go mod download", "downloading modules: %w", err)
	}
	for o, dir := range dirs {
		if dir == "" {
			if dirs[o], err = extracted(cache, o); err != nil {
				return nil, err
			}
		}
	}
	return dirs, nil
}

// extracted is the module's folder in the cache. The error is fs.ErrNotExist
// when it is not there as a whole.
func extracted(cache string, o *owner) (string, error) {
	escPath, err := module.EscapePath(o.source.Path)
	if err != nil {
		return "", err
	}
	escVersion, err := module.EscapeVersion(o.source.Version)
	if err != nil {
		return "", err
	}
	download := filepath.Join(cache, "cache", "download", filepath.FromSlash(escPath), "@v", escVersion)
	if _, err := os.Stat(download + ".partial"); err == nil {
		return "", fs.ErrNotExist // somebody is still extracting it
	}
	sum, err := os.ReadFile(download + ".ziphash")
	if err != nil {
		return "", fs.ErrNotExist
	}
	if got := strings.TrimSpace(string(sum)); got != o.sum {
		return "", fail.Fail(o.source.String(), "run go clean -modcache; if it stays, somebody changed the module: look at go.sum",
			"the module cache holds %s, go.sum says %s", fail.Clean(got, 60), o.sum)
	}
	dir := filepath.Join(cache, filepath.FromSlash(escPath)+"@"+escVersion)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fs.ErrNotExist
	}
	return dir, nil
}

// download brings exactly these modules into the module cache, checked against
// the commit's go.sum.
func (l *Loader) download(ctx context.Context, m *mainModule, modules []string) error {
	dir, err := os.MkdirTemp("", "lane-download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sums, err := l.Tree.Read(path.Join(m.owner.dir, "go.sum"), maxModFile)
	if err != nil {
		return err
	}
	gomod := fmt.Sprintf("module download\n\ngo %s\n", strings.TrimPrefix(m.toolchain, "go"))
	for name, data := range map[string][]byte{"go.mod": []byte(gomod), "go.sum": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	_, err = l.Tool.run(ctx, m.toolchain, dir, append([]string{"mod", "download"}, modules...)...)
	return err
}
