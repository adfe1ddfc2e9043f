package git_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// front stands before a remote, and tells what it was asked for.
type front struct {
	server *scratch.GitRemote
	remote git.Remote
	repo   *git.Repo
	first  string // what main points at
	second string // on top of it, not pushed

	asked  chan struct{}                                     // one for each question for the refs to push to
	answer func(w http.ResponseWriter, r *http.Request) bool // true when it has answered itself

	mu       sync.Mutex
	requests []string
}

func newFront(t *testing.T) *front {
	t.Helper()
	dir := clone(t, "one")
	server, _ := serve(t, dir)
	f := &front{
		server: server, repo: open(t, dir), first: run(t, dir, "rev-parse", "HEAD"), second: commit(t, dir, "two"),
		asked: make(chan struct{}, 10), answer: func(http.ResponseWriter, *http.Request) bool { return false },
	}
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := strings.TrimPrefix(r.URL.Path+"?"+r.URL.RawQuery, "/remote.git/")
		f.mu.Lock()
		f.requests = append(f.requests, what)
		f.mu.Unlock()
		if f.answer(w, r) {
			return
		}
		server.ServeHTTP(w, r)
		if what == refsToPush {
			f.asked <- struct{}{}
		}
	}))
	t.Cleanup(public.Close)
	f.remote = git.Remote{URL: public.URL + "/remote.git"}
	return f
}

const (
	refsToPush = "info/refs?service=git-receive-pack"
	sentPush   = "git-receive-pack?"
)

// pusher has asked for the refs already.
func (f *front) pusher(t *testing.T) *git.Pusher {
	t.Helper()
	p := f.repo.Pusher(t.Context(), f.remote, mainRef)
	t.Cleanup(p.Close)
	<-f.asked
	return p
}

func (f *front) want(t *testing.T, p *git.Pusher, result git.PushResult, now string) git.Push {
	t.Helper()
	got, err := p.Push(f.second, f.first)
	if err != nil || got.Result != result || got.Now != now || (got.Words == "") != (result == git.Pushed) {
		t.Errorf("got %+v, %v, want %s, now %s", got, err, result, now)
	}
	p.Close()
	if head := run(t, f.server.Dir, "for-each-ref", "--format=%(objectname)", mainRef); head != now {
		t.Errorf("the remote has %s, want %s", head, now)
	}
	return got
}

func (f *front) wantRequests(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff(want, f.requests); diff != "" {
		t.Error(diff)
	}
}

func TestPusher(t *testing.T) {
	f := newFront(t)
	f.want(t, f.pusher(t), git.Pushed, f.second)
	f.wantRequests(t, refsToPush, sentPush) // one conversation, begun before the push
}

// What moved before it was asked is known without a push.
func TestPusherAfterAMove(t *testing.T) {
	f := newFront(t)
	other := writeCommit(t, f.repo, git.NewCommit{Parent: f.first, Message: "other"})
	run(t, f.repo.GitDir, "push", "-q", f.server.URL, other+":"+mainRef)
	f.want(t, f.pusher(t), git.Moved, other)
	f.wantRequests(t, refsToPush)
}

// What moved after it was asked is not overwritten.
func TestPusherBeforeAMove(t *testing.T) {
	f := newFront(t)
	other := writeCommit(t, f.repo, git.NewCommit{Parent: f.first, Message: "other"})
	p := f.pusher(t)
	run(t, f.repo.GitDir, "push", "-q", f.server.URL, other+":"+mainRef)
	f.want(t, p, git.Moved, other)
}

func TestPusherOfADeletedRef(t *testing.T) {
	for _, early := range []bool{true, false} {
		f := newFront(t)
		remove := func() { run(t, f.server.Dir, "update-ref", "-d", mainRef) }
		if early {
			remove()
		}
		p := f.pusher(t)
		if !early {
			remove()
		}
		f.want(t, p, git.Deleted, "")
	}
}

func TestPusherAgain(t *testing.T) {
	f := newFront(t)
	f.want(t, f.pusher(t), git.Pushed, f.second)
	f.want(t, f.pusher(t), git.Pushed, f.second) // as after a lost answer
}

func TestPusherRefused(t *testing.T) {
	f := newFront(t)
	write(t, f.server.Dir, "hooks/pre-receive", "#!/bin/sh\nprintf 'not \\033[31mon\\007 Fridays\\n' >&2\nexit 1\n")
	if err := os.Chmod(filepath.Join(f.server.Dir, "hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	words := f.want(t, f.pusher(t), git.Refused, f.first).Words
	if !strings.Contains(words, "not [31mon Fridays") || !strings.Contains(words, "hook declined") || strings.ContainsAny(words, "\n\x1b\x07") {
		t.Errorf("words: %q", words)
	}
}

func TestPusherWithoutPermission(t *testing.T) {
	f := newFront(t)
	run(t, f.server.Dir, "config", "http.receivepack", "false")
	if words := f.want(t, f.pusher(t), git.Unsent, f.first).Words; !strings.Contains(words, "403") {
		t.Errorf("words: %q", words)
	}
}

// A conversation that breaks after it began well is begun anew.
func TestPusherWhoseConnectionDies(t *testing.T) {
	for name, arrives := range map[string]bool{"before the push arrives": false, "before the answer arrives": true} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t)
			var once sync.Once
			f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					once.Do(func() {
						if arrives {
							f.server.ServeHTTP(httptest.NewRecorder(), r)
						}
						panic(http.ErrAbortHandler)
					})
				}
				return false
			}
			f.want(t, f.pusher(t), git.Pushed, f.second)
		})
	}
}

func TestPusherWithCredentials(t *testing.T) {
	f := newFront(t)
	const password = "made" + "-up"
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if _, got, _ := r.BasicAuth(); got == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		http.Error(w, "who are you", http.StatusUnauthorized)
		return true
	}
	store := t.TempDir()
	write(t, store, "store", strings.Replace(f.remote.URL, "http://", "http://bob:"+password+"@", 1)+"\n")
	configure(t, "credential.helper", "store --file="+filepath.Join(store, "store"))
	f.want(t, f.pusher(t), git.Pushed, f.second)
	f.wantRequests(t, refsToPush, refsToPush, sentPush)
}

// configure sets what a user's own configuration may.
func configure(t *testing.T, key, value string) {
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", key)
	t.Setenv("GIT_CONFIG_VALUE_0", value)
}

// What only git push understands is left to it.
func TestPusherLeavesAddressesToGit(t *testing.T) {
	f := newFront(t)
	address := f.remote.URL
	f.remote.URL = "http://nowhere.invalid/remote.git"
	configure(t, "url."+address+".pushInsteadOf", f.remote.URL)
	f.plain(t)
	f.wantRequests(t, refsToPush, sentPush)

	f.remote.URL = f.server.Dir // no web server
	f.second = writeCommit(t, f.repo, git.NewCommit{Parent: f.second, Message: "three"})
	f.first = run(t, f.server.Dir, "rev-parse", mainRef)
	f.plain(t)
}

func (f *front) plain(t *testing.T) {
	t.Helper()
	p := f.repo.Pusher(t.Context(), f.remote, mainRef)
	t.Cleanup(p.Close)
	f.want(t, p, git.Pushed, f.second)
}

func TestPusherWithForbiddenProtocol(t *testing.T) {
	f := newFront(t)
	configure(t, "protocol.http.allow", "never")
	p := f.repo.Pusher(t.Context(), f.remote, mainRef)
	defer p.Close()
	if got, err := p.Push(f.second, f.first); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("got %+v, %v", got, err)
	}
	f.wantRequests(t)
}

func TestPusherUnreachable(t *testing.T) {
	hang, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hang.Close()
	repo := open(t, clone(t, "one"))
	id := strings.Repeat("1", 40)
	remote := git.Remote{URL: "http://bob:" + "hunter2" + "@" + hang.Addr().String() + "/x.git", Timeout: time.Second}
	p := repo.Pusher(t.Context(), remote, mainRef)
	_, err = p.Push(id, strings.Repeat("2", 40))
	wantFail(t, err, fail.Failed, "http://***@127.0.0.1")
	p.Close()
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is shown: %v", err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	p = repo.Pusher(ctx, remote, mainRef)
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err = p.Push(id, id); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	p.Close()

	p = repo.Pusher(t.Context(), git.Remote{URL: remote.URL, Timeout: time.Hour}, mainRef)
	p.Close() // returns
}

// Without a push nothing is changed, and interrupted ones leave it as it was.
func TestPusherThatEndsEarly(t *testing.T) {
	f := newFront(t)
	f.pusher(t).Close()
	ctx, cancel := context.WithCancel(t.Context())
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client left
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	p := f.repo.Pusher(ctx, f.remote, mainRef)
	defer p.Close()
	if got, err := p.Push(f.second, f.first); fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("got %+v, %v", got, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.requests, sentPush) {
		t.Errorf("it asked for %q only", f.requests)
	}
}
