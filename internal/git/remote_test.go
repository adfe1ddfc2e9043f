package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

const mainRef = "refs/heads/main"

func TestLsRemote(t *testing.T) {
	dir := clone(t, "one")
	_, remote := serve(t, dir)
	head := run(t, dir, "rev-parse", "HEAD")
	run(t, dir, "tag", "-a", "-m", "x", "v1")
	run(t, dir, "push", "-q", remote.URL, "refs/tags/v1", "HEAD:refs/heads/x/refs/heads/main", "HEAD:refs/tags/main")
	got, err := remote.LsRemote(t.Context(), mainRef, "refs/tags/v1", "refs/heads/missing")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{mainRef: head, "refs/tags/v1": run(t, dir, "rev-parse", "refs/tags/v1")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"main", "--upload-pack=x", "refs/heads/*", "refs/heads/a..b", "refs/heads/a\n", ""} {
		if _, err := remote.LsRemote(t.Context(), bad); err == nil {
			t.Errorf("the ref %q is accepted", bad)
		}
	}
}

func TestFetch(t *testing.T) {
	dir := clone(t, "one", "two")
	_, remote := serve(t, dir)
	repo := create(t)
	const local = "refs/lane/head"
	fetch := func() string {
		t.Helper()
		id, err := repo.Fetch(t.Context(), remote, mainRef, local)
		if err != nil {
			t.Fatal(err)
		}
		if want := run(t, dir, "rev-parse", "HEAD"); id != want {
			t.Errorf("fetched %s, want %s", id, want)
		}
		return id
	}
	if diff := cmp.Diff(map[string]string{"one.txt": "one\n", "two.txt": "two\n"}, files(t, repo, fetch())); diff != "" {
		t.Error(diff)
	}
	if shallow, err := repo.IsShallow(t.Context()); !shallow || err != nil {
		t.Errorf("shallow: %v, %v", shallow, err)
	}
	commit(t, dir, "three")
	run(t, dir, "push", "-q", remote.URL, "HEAD:main")
	fetch()
	run(t, dir, "checkout", "-q", "--orphan", "other") // an unrelated history
	commit(t, dir, "four")
	run(t, dir, "push", "-qf", remote.URL, "HEAD:main")
	fetch()
	if got := run(t, repo.GitDir, "for-each-ref", "--format=%(refname)"); got != local {
		t.Errorf("refs: %s", got)
	}
	if _, err := repo.Fetch(t.Context(), remote, "refs/heads/missing", local); err == nil {
		t.Error("a missing ref was fetched")
	}
}

func TestPush(t *testing.T) {
	dir := clone(t, "one")
	first := run(t, dir, "rev-parse", "HEAD")
	server, remote := serve(t, dir)
	repo := create(t)
	if _, err := repo.Fetch(t.Context(), remote, mainRef, "refs/lane/head"); err != nil {
		t.Fatal(err)
	}
	second := writeCommit(t, repo, git.NewCommit{Parent: first, Message: "two", Put: map[string][]byte{"two": nil}})
	other := writeCommit(t, repo, git.NewCommit{Parent: first, Message: "other", Put: map[string][]byte{"other": nil}})
	orphan := writeCommit(t, repo, git.NewCommit{Message: "orphan", Put: map[string][]byte{"x": nil}})
	push := func(commit, ref, expected string, want git.PushResult, now string) git.Push {
		t.Helper()
		got, err := repo.Push(t.Context(), remote, commit, ref, expected)
		if err != nil {
			t.Fatal(err)
		}
		if got.Result != want || got.Now != now || (got.Words == "") != (want == git.Pushed) {
			t.Errorf("got %+v, want %s, now %s", got, want, now)
		}
		return got
	}
	push(second, mainRef, first, git.Pushed, second)
	push(second, mainRef, first, git.Pushed, second) // again, as after a lost answer
	push(other, mainRef, first, git.Moved, second)
	push(other, "refs/heads/gone", first, git.Deleted, "")
	push(other, mainRef, "", git.Moved, second)
	push(orphan, "refs/heads/new", "", git.Pushed, orphan)
	push(other, "refs/heads/new", orphan, git.Pushed, other)

	write(t, server.Dir, "hooks/pre-receive", "#!/bin/sh\nprintf 'not \\033[31mon\\007 Fridays\\n' >&2\nexit 1\n")
	if err := os.Chmod(filepath.Join(server.Dir, "hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	third := writeCommit(t, repo, git.NewCommit{Parent: second, Message: "three", Put: map[string][]byte{"three": nil}})
	refused := push(third, mainRef, second, git.Refused, second)
	if !strings.Contains(refused.Words, "not [31mon Fridays") || strings.ContainsAny(refused.Words, "\n\x1b\x07") {
		t.Errorf("words: %q", refused.Words)
	}
	push(third, "refs/heads/newer", "", git.Refused, "")
	if err := os.Remove(filepath.Join(server.Dir, "hooks/pre-receive")); err != nil {
		t.Fatal(err)
	}

	// This side is at fault: the commit is not here.
	push(strings.Repeat("1", 40), mainRef, second, git.Unsent, second)
	run(t, server.Dir, "fsck", "--strict")
}

// An answer that is lost on the way does not make a push that arrived a failure.
func TestPushWhoseAnswerIsLost(t *testing.T) {
	dir := clone(t, "one")
	first := run(t, dir, "rev-parse", "HEAD")
	server, _ := serve(t, dir)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "git-receive-pack") {
			server.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, req)
	}))
	defer front.Close()
	repo := open(t, dir)
	second := commit(t, dir, "two")
	got, err := repo.Push(t.Context(), git.Remote{URL: front.URL + "/remote.git"}, second, mainRef, first)
	if err != nil || got.Result != git.Pushed {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRemoteUnreachable(t *testing.T) {
	hang, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hang.Close() })
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		http.Error(w, "who are you", http.StatusUnauthorized)
	}))
	t.Cleanup(locked.Close)
	// Begins well and then drips for ever.
	drip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		for req.Context().Err() == nil {
			_, _ = io.WriteString(w, "001e# service=git-upload-pack\n0000")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-req.Context().Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(drip.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	secret := func(url string) string { return strings.Replace(url, "http://", "http://bob:"+"hunter2"+"@", 1) }

	dir := clone(t, "one")
	head := run(t, dir, "rev-parse", "HEAD")
	repo := open(t, dir)
	for _, tt := range []struct{ name, url string }{
		{"nobody listens", secret("http://" + closed.Addr().String() + "/x.git")},
		{"hangs", secret("http://" + hang.Addr().String() + "/x.git")},
		{"drips", secret(drip.URL + "/x.git")},
		{"wants a password", secret(locked.URL + "/x.git")},
		{"no such host", "https://bob:" + "hunter2" + "@host.invalid/x.git"},
		{"no such folder", "/nowhere/x.git"},
		{"runs a program", "ext::sh -c touch% /tmp/x"},
		{"is an option", "--upload-pack=touch /tmp/x"},
		{"is empty", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			remote := git.Remote{URL: tt.url, Timeout: time.Second}
			_, err := remote.LsRemote(t.Context(), mainRef)
			wantFail(t, err, fail.Failed)
			_, perr := repo.Push(t.Context(), remote, head, mainRef, "")
			wantFail(t, perr, fail.Failed)
			_, ferr := create(t).Fetch(t.Context(), remote, mainRef, "refs/lane/head")
			if ferr == nil {
				t.Error("fetched")
			}
			if all := errors.Join(err, perr, ferr).Error(); strings.Contains(all, "hunter2") {
				t.Errorf("the password is shown: %s", all)
			}
		})
	}
}

func TestRemoteInterrupted(t *testing.T) {
	hang, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hang.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := hang.Accept(); err == nil {
			defer c.Close()
			cancel()
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	_, err = git.Remote{URL: "http://" + hang.Addr().String() + "/x.git"}.LsRemote(ctx, mainRef)
	if fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("got %v", err)
	}
}

// A remote that cannot be written to refuses; nothing on it changes.
func TestPushWithoutPermission(t *testing.T) {
	dir := clone(t, "one")
	server, remote := serve(t, dir)
	run(t, server.Dir, "config", "http.receivepack", "false")
	first, second := run(t, dir, "rev-parse", "HEAD"), commit(t, dir, "two")
	got, err := open(t, dir).Push(t.Context(), remote, second, mainRef, first)
	if err != nil || got.Result != git.Unsent || got.Now != first || !strings.Contains(got.Words, "403") {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestFetchOfThePast: the history without files, again with what is new, from a server
// and from a folder; and one commit of it with its files.
func TestFetchOfThePast(t *testing.T) {
	dir := clone(t, "one", "two", "three")
	server, remote := serve(t, dir)
	for _, from := range []git.Remote{remote, {URL: server.Dir}} {
		history := create(t)
		want := strings.Fields(run(t, dir, "rev-list", "HEAD"))
		for range 2 {
			head, err := history.FetchHistory(t.Context(), from, mainRef, "refs/lane/history")
			if err != nil || head != want[0] {
				t.Fatalf("%s: %s, %v", from, head, err)
			}
			var got []string
			if err := history.FirstParents(t.Context(), head, 10, func(c git.Commit) bool { got = append(got, c.ID); return true }); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			got = nil
			if err := history.FirstParents(t.Context(), head, 10, func(c git.Commit) bool { got = append(got, c.ID); return len(got) < 2 }); err != nil || len(got) != 2 {
				t.Errorf("%q, %v", got, err)
			}
			if err := history.FirstParents(t.Context(), head, 2, func(git.Commit) bool { return true }); err == nil {
				t.Error("more commits than the limit are no error")
			}
			if kept, err := os.ReadFile(filepath.Join(history.GitDir, "config")); err != nil || bytes.Contains(kept, []byte(from.URL)) {
				t.Errorf("the address is kept: %v\n%s", err, kept)
			}
			commit(t, dir, fmt.Sprint("more", len(want)))
			run(t, dir, "push", "-q", remote.URL, "HEAD:main")
			want = strings.Fields(run(t, dir, "rev-list", "HEAD"))
		}
		repo := create(t)
		first := want[len(want)-1]
		if id, err := repo.FetchCommit(t.Context(), from, first, "refs/lane/past"); err != nil || id != first {
			t.Fatalf("%s: %s, %v", from, id, err)
		}
		if diff := cmp.Diff(map[string]string{"one.txt": "one\n"}, files(t, repo, first)); diff != "" {
			t.Error(diff)
		}
		if _, err := repo.FetchCommit(t.Context(), from, "HEAD", "refs/lane/past"); err == nil {
			t.Error("a name is taken for an id")
		}
		if _, err := repo.FetchCommit(t.Context(), from, strings.Repeat("1", 40), "refs/lane/past"); err == nil {
			t.Error("a commit that nobody has is fetched")
		}
	}
}

func TestUser(t *testing.T) {
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	repo := create(t)
	for _, tt := range []struct{ name, email, want string }{
		{"", "", ""}, {"Ada", "", "Ada"}, {"Ada", "ada@example.com", "Ada <ada@example.com>"},
	} {
		for key, value := range map[string]string{"user.name": tt.name, "user.email": tt.email} {
			if value != "" {
				run(t, repo.GitDir, "config", key, value)
			}
		}
		if got, err := repo.User(t.Context()); got != tt.want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, tt.want)
		}
	}
}
