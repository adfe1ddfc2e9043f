package scratch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// GitRemote is a bare repository served over git's smart HTTP protocol until
// Close. Anybody on this machine may fetch from it and push to it. Its hooks and
// its configuration are read anew for each request.
type GitRemote struct {
	URL string // such as http://127.0.0.1:40123/remote.git
	Dir string // the bare repository

	server *http.Server
	alive  context.Context // ends with Close
	stop   context.CancelFunc

	mu      sync.Mutex
	closed  bool
	working sync.WaitGroup // the server and its requests
}

// gitRemoteName is the repository's folder, and the last part of its URL.
const gitRemoteName = "remote.git"

// StartGitRemote serves the repository remote.git in dir, which is created when
// it is not there yet; what it holds from an earlier call is served again. It
// answers as soon as the call returns. Requests are handled by the git program
// itself (git http-backend), without the user's and the machine's configuration.
func StartGitRemote(ctx context.Context, dir string) (*GitRemote, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("starting the git remote: %w", err)
	}
	g := &GitRemote{Dir: filepath.Join(dir, gitRemoteName)}
	if err := g.prepare(ctx); err != nil {
		return nil, fmt.Errorf("starting the git remote: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the git remote: %w", err)
	}
	g.URL = "http://" + listener.Addr().String() + "/" + gitRemoteName
	g.alive, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	g.working.Go(func() { _ = g.server.Serve(listener) })
	return g, nil
}

// Close stops serving and ends the requests under way, with the programs and
// hooks that they started. The repository stays.
func (g *GitRemote) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.stop()
	_ = g.server.Close()
	g.working.Wait()
}

// enter counts a request, unless the remote is closed.
func (g *GitRemote) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.working.Add(1)
	}
	return !g.closed
}

// prepare makes the repository, or leaves the one that is there, and allows
// pushes over HTTP.
func (g *GitRemote) prepare(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(g.Dir), 0o755); err != nil {
		return err
	}
	steps := [][]string{{"init", "--quiet", "--bare", "--template=", "--initial-branch=main", g.Dir}}
	for _, setting := range [...]string{
		"http.receivepack=true", "uploadpack.allowFilter=true", "receive.autogc=false",
		"core.fsync=none", // nothing here has to survive a power cut
	} {
		name, value, _ := strings.Cut(setting, "=")
		steps = append(steps, []string{"--git-dir=" + g.Dir, "config", name, value})
	}
	for _, args := range steps {
		var words strings.Builder
		cmd := g.git(args...)
		cmd.Stderr = &words
		if err := child.Run(ctx, cmd); err != nil {
			if child.Missing(err) {
				return fail.Fail("git", "apt-get install git", "the git program is not there")
			}
			return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(words.String()))
		}
	}
	return nil
}

// git is a git process with an environment of its own.
func (g *GitRemote) git(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = filepath.Dir(g.Dir)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
	return cmd
}

// ServeHTTP answers one request of a git client.
func (g *GitRemote) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !g.enter() {
		http.Error(w, "the remote is closed", http.StatusServiceUnavailable)
		return
	}
	defer g.working.Done()
	// git may begin to answer while it still reads.
	_ = http.NewResponseController(w).EnableFullDuplex()
	cmd := g.git("http-backend")
	cmd.Env = append(cmd.Env,
		"GIT_PROJECT_ROOT="+filepath.Dir(g.Dir),
		"GIT_HTTP_EXPORT_ALL=1",
		"GIT_PROTOCOL="+req.Header.Get("Git-Protocol"),
		"REQUEST_METHOD="+req.Method,
		"PATH_INFO="+req.URL.Path,
		"QUERY_STRING="+req.URL.RawQuery,
		"CONTENT_TYPE="+req.Header.Get("Content-Type"),
		"HTTP_CONTENT_ENCODING="+req.Header.Get("Content-Encoding"),
		"REMOTE_ADDR="+req.RemoteAddr,
	)
	if req.ContentLength >= 0 { // a chunked body ends with its input
		cmd.Env = append(cmd.Env, fmt.Sprintf("CONTENT_LENGTH=%d", req.ContentLength))
	}
	answer := &cgiAnswer{w: w}
	cmd.Stdin, cmd.Stdout = req.Body, answer
	err := child.Run(g.alive, cmd)
	if !answer.begun {
		http.Error(w, fmt.Sprintf("git http-backend did not answer: %v", errors.Join(err, answer.err)), http.StatusInternalServerError)
	} else if err != nil {
		// The answer is cut: the client must not take it for a whole one.
		panic(http.ErrAbortHandler)
	}
}
