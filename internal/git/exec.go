package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// maxOutput bounds what one git process may answer: room for the listing of a
// tree with millions of files, and an end to a git that never stops talking.
const maxOutput = 512 << 20

// call is one run of the git program.
type call struct {
	gitDir   string    // "" lets git look for a repository from dir upwards
	dir      string    // working folder; "" is the caller's
	settings []string  // "-c", "name=value" before the subcommand
	args     []string  // subcommand and its arguments
	stdin    io.Reader // nil is empty
	limit    int64     // most bytes of standard output; 0 is maxOutput
	keep     *os.File  // left open in the process, see Repo.KeepOpen
}

// exitError is a git that ran and was not content.
type exitError struct {
	command string
	code    int    // -1 when a signal ended it
	how     string // such as "exit status 128"
	words   string // its standard error, cleaned and bounded
}

func (e *exitError) Error() string {
	s := "git " + e.command + ": " + e.how
	if e.words != "" {
		s += ": " + e.words
	}
	return s
}

// exitCode is the exit code of the git that err is about, or -1.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return -1
}

// command is the process for c, not yet started.
func (c call) command() *exec.Cmd {
	args := append(settings(), c.settings...)
	if c.gitDir != "" {
		args = append(args, "--git-dir="+c.gitDir)
	}
	cmd := exec.Command("git", append(args, c.args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, environment(os.Environ()), c.stdin
	if c.keep != nil {
		cmd.ExtraFiles = []*os.File{c.keep}
	}
	return cmd
}

// run runs git and returns its standard output.
func (c call) run(ctx context.Context) ([]byte, error) {
	out, words := &bounded{limit: cmp.Or(c.limit, maxOutput)}, &tail{}
	cmd := c.command()
	cmd.Stdout, cmd.Stderr = out, words
	err := child.Run(ctx, cmd)
	return out.buf.Bytes(), c.explain(ctx, err, words)
}

// explain turns the result of a finished process into an error that says what
// git said.
func (c call) explain(ctx context.Context, err error, words *tail) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("git %s: %w", c.args[0], context.Cause(ctx))
	}
	if child.Missing(err) {
		return fail.Fail("git", "install git 2.31 or newer and put it on PATH", "the git program is not there")
	}
	if errors.Is(err, errTooMuch) {
		return fmt.Errorf("git %s: %w", c.args[0], err)
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return &exitError{command: c.args[0], code: e.ExitCode(), how: e.String(), words: words.String()}
	}
	return fmt.Errorf("git %s: %w", c.args[0], err)
}

// settings stand before every subcommand. They win over every configuration
// file and over GIT_CONFIG_* in the environment.
func settings() []string {
	return []string{
		"--literal-pathspecs",
		"-c", "core.hooksPath=/dev/null",
		"-c", "core.fsmonitor=false",
		"-c", "core.quotePath=false",
		"-c", "gc.auto=0",
		"-c", "maintenance.auto=false",
		"-c", "protocol.ext.allow=never",
		"-c", "protocol.fd.allow=never",
		"-c", "submodule.recurse=false",
		"-c", "advice.graftFileDeprecated=false", // that variable below is what we set
	}
}

// environment is env without what could redirect git, and with what keeps it
// quiet and predictable.
func environment(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "LC_ALL" || name == "LANGUAGE" || strings.HasPrefix(name, "GIT_") && !passes(name)
	})
	return append(env,
		"LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_GRAFT_FILE=/dev/null",
	)
}

// passes reports whether a GIT_ variable is about how to reach a remote or
// where configuration stands, and not about which repository is meant. Tracing
// does not pass: it can print credentials.
func passes(name string) bool {
	for _, prefix := range [...]string{
		"GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_CONFIG_", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_ALLOW_PROTOCOL",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

var errTooMuch = errors.New("the answer is longer than the limit")

// bounded is a buffer that refuses to grow over its limit.
type bounded struct {
	buf   bytes.Buffer
	limit int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.buf.Len())+int64(len(p)) > b.limit {
		return 0, errTooMuch
	}
	return b.buf.Write(p)
}
