// Package gitserver serves bare repositories in a folder over git's smart HTTP
// protocol: anybody may read, a push needs the one user's password. The git
// program itself answers each request, without the machine's or a user's
// configuration; a repository's hooks and configuration hold.
package gitserver

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pikasTech/agentrun/lab/problem"
)

// Server serves the repositories NAME.git in Root.
type Server struct {
	Root     string
	User     string
	Password string
}

// Handler answers git clients.
func (s Server) Handler() (http.Handler, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, problem.New("apt-get install git", "serving git: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		env := []string{
			"GIT_PROJECT_ROOT=" + s.Root, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + s.Root,
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_PROTOCOL=" + req.Header.Get("Git-Protocol"),
		}
		if writes(req) {
			user, password, _ := req.BasicAuth()
			if !same(user, s.User) || !same(password, s.Password) {
				w.Header().Set("WWW-Authenticate", `Basic realm="lab git"`)
				http.Error(w, "pushing needs the user's password", http.StatusUnauthorized)
				return
			}
			env = append(env, "REMOTE_USER="+s.User)
		}
		if req.ContentLength < 0 {
			body, err := spool(req)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			defer body.Close()
		}
		handler := cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: s.Root, Env: env}
		handler.ServeHTTP(w, req)
	}), nil
}

func writes(req *http.Request) bool {
	return strings.HasSuffix(req.URL.Path, "/git-receive-pack") || req.URL.Query().Get("service") == "git-receive-pack"
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// spool puts a body of unknown length, such as a large push, into a file that has
// no name, because CGI wants to know the length first.
func spool(req *http.Request) (*os.File, error) {
	file, err := os.CreateTemp("", "push-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name())
	length, err := io.Copy(file, req.Body)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	req.Body, req.ContentLength, req.TransferEncoding = file, length, nil
	return file, nil
}

// Create makes the bare repository NAME.git in root with the branch main, or
// leaves the one that is there.
func Create(ctx context.Context, root, name string) (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`).MatchString(name) {
		return "", fmt.Errorf("creating repository %q: the name is not OWNER/NAME or NAME of letters, digits, dots, dashes", name)
	}
	dir := filepath.Join(root, strings.TrimSuffix(name, ".git")+".git")
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--template=", "--initial-branch=main", dir},
		{"--git-dir=" + dir, "config", "uploadpack.allowFilter", "true"},
		{"--git-dir=" + dir, "config", "receive.autogc", "false"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("creating repository %s: git %s: %w: %s", name, args[0], err, out)
		}
	}
	return dir, nil
}
