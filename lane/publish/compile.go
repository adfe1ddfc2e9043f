package publish

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/plan/tree"
)

// compile builds the job's program from its files alone, in a folder of its own:
// services that are compiled together could read each other's files, and their
// identities do not cover those. Go's build cache is shared, so what they have in
// common is compiled once.
func (w *workshop) compile(ctx context.Context, j *job, source, binary string) error {
	select {
	case w.compilers <- struct{}{}:
		defer func() { <-w.compilers }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w.tell(Event{Service: j.ServiceID, Step: Compiling, Detail: j.Package})
	if err := w.write(source, j.Files); err != nil {
		return err
	}
	env, err := w.environment(ctx, j.Toolchain)
	if err != nil {
		return err
	}
	words := &child.Tail{}
	cmd := exec.Command("go", append(append([]string{"build"}, plan.GoFlags()...), "-o", binary, j.Package)...)
	cmd.Dir = filepath.Join(source, filepath.FromSlash(j.ModuleRoot))
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = words, words
	if err := child.Run(ctx, cmd); err != nil {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("compiling %s: %w", j.Package, err)
		case child.Missing(err):
			return fail.Fail("go", "install Go and put it on PATH", "compiling %s: %w", j.Package, err)
		case words.Says("no space left on device"):
			return fail.Fail(j.Package, "free disk space, then run it again: what is published is not built again", "compiling: %w%s", err, words.Text())
		}
		return fail.Fail(j.Package, "mend what the compiler names; it saw only the files that lane plan --explain lists", "compiling: %w%s", err, words.Text())
	}
	return checkBinary(binary, j.Component)
}

// environment is that of a compiler, asked for once.
func (w *workshop) environment(ctx context.Context, toolchain string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if env, ok := w.environments[toolchain]; ok {
		return env, nil
	}
	env, err := plan.GoEnvironment(ctx, toolchain)
	if err == nil {
		w.environments[toolchain] = env
	}
	return env, err
}

// write puts files of the commit below dir, and nothing else. Modes are the same
// whatever the umask is: builders copy them into images.
func (w *workshop) write(dir string, files []plan.File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the sources: %w", err)
	}
	entries := make([]git.Entry, len(files))
	for i, f := range files {
		entries[i] = git.Entry{Path: f.Path, Mode: f.Mode, Type: "blob", OID: f.OID}
	}
	if err := tree.New(w.plan.SourceCommitID, nil, w.blobs).Materialize(dir, entries); err != nil {
		return fail.Fail(dir, "free disk space, make the folder writable, or fetch the whole commit", "writing the sources: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
}
