package golang

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Tool is the go command on PATH. It is asked only for what a commit and the
// module cache do not say, so a warm plan never starts it. It may be used by
// several goroutines.
type Tool struct {
	once     sync.Once
	settings map[string]string
	err      error
}

// Version is the local toolchain, such as "go1.26.8".
func (t *Tool) Version(ctx context.Context) (string, error) {
	settings, err := t.env(ctx)
	return settings["GOVERSION"], err
}

// ModuleCache is the folder that modules are extracted to.
func (t *Tool) ModuleCache(ctx context.Context) (string, error) {
	settings, err := t.env(ctx)
	return settings["GOMODCACHE"], err
}

// Environment is the whole environment of a build with toolchain.
func (t *Tool) Environment(ctx context.Context, toolchain string) ([]string, error) {
	settings, err := t.env(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, name := range sources() {
		if v := settings[name]; v != "" {
			list = append(list, name+"="+v)
		}
	}
	return environment(os.Environ(), list, toolchain), nil
}

// tags are the build tags that toolchain sets by itself, such as
// goexperiment.aliastypeparams.
func (t *Tool) tags(ctx context.Context, toolchain string) ([]string, error) {
	out, err := t.run(ctx, toolchain, os.TempDir(), "list", "-f", `{{join context.ToolTags "\n"}}`, "unsafe")
	if err != nil {
		return nil, fmt.Errorf("asking %s for its build tags: %w", toolchain, err)
	}
	list := strings.Fields(string(out))
	slices.Sort(list)
	return list, nil
}

// env asks once for the local version and the settings that pass into builds.
func (t *Tool) env(ctx context.Context) (map[string]string, error) {
	t.once.Do(func() {
		cmd := exec.Command("go", append([]string{"env", "-json", "GOVERSION"}, sources()...)...)
		// Outside any module and with the local toolchain: no go.mod may answer. The
		// file of `go env -w` is read here, and only here.
		cmd.Dir, cmd.Env = os.TempDir(), append(environment(os.Environ(), nil, "local"), "GOENV="+os.Getenv("GOENV"))
		out, err := output(ctx, cmd)
		if err == nil {
			err = json.Unmarshal(out, &t.settings)
		}
		if err != nil {
			t.err = fmt.Errorf("asking go for its settings: %w", err)
		}
	})
	return t.settings, t.err
}

// run runs the go command of toolchain in dir and returns its standard output.
func (t *Tool) run(ctx context.Context, toolchain, dir string, args ...string) ([]byte, error) {
	env, err := t.Environment(ctx, toolchain)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, env
	return output(ctx, cmd)
}

// output runs cmd and returns its standard output. An error repeats what the
// program said.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	words := new(child.Tail)
	cmd.Stdout, cmd.Stderr = &out, words
	err := child.Run(ctx, cmd)
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case child.Missing(err):
		return nil, fail.Fail("go", "install Go and put it on PATH", "the go command is not there")
	}
	return nil, fmt.Errorf("%w%s", err, words.Text())
}
