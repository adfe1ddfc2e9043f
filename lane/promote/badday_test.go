package promote_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/promote"
)

func TestC5_NoFallbackWithoutACatalog(t *testing.T) {
	for _, tt := range []struct {
		name, why string
		put       string // "" removes the catalog
	}{
		{"missing", "has no catalog", ""},
		{"empty", "not valid JSON", " "},
		{"truncated", "not valid JSON", `{"kind": "Catalog", `},
		{"newer version", "apiVersion", `{"apiVersion": "lane.agentrun.dev/v9"}`},
		{"another lane's", "lane", `{"apiVersion": "lane.agentrun.dev/v1", "kind": "Catalog", "project": "shop", "lane": "v0.4"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 2)
			path := w.branch.Names.ArtifactCatalog
			good := w.git(t, "show", w.branch.Names.GitopsRef()+":"+path) + "\n"
			if tt.put == "" {
				w.hand(t, nil, path)
			} else {
				w.hand(t, map[string][]byte{path: []byte(tt.put)})
			}
			before := w.head(t)
			for _, b := range []promote.Branch{w.branch, w.elsewhere(t)} { // the first still believes in the good one
				_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
				if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), tt.why) {
					t.Errorf("got %v", err)
				}
			}
			if w.head(t) != before {
				t.Error("the branch moved")
			}
			w.hand(t, map[string][]byte{path: []byte(good)})
			apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
		})
	}
}

func TestC5_DeletedBranchIsNotMadeAgain(t *testing.T) {
	w := newWorld(t, 3)
	r := w.release(w.commits[1], "api")
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error {
		w.git(t, "update-ref", "-d", w.branch.Names.GitopsRef())
		return nil
	}
	for range 2 { // deleted between read and push; then gone, though the cache still has it
		_, err := w.branch.Apply(t.Context(), r)
		wantFail(t, err, fail.Refused, "C5", "does not exist")
		if !strings.Contains(fail.HintOf(err), "lane init") {
			t.Errorf("hint %q", fail.HintOf(err))
		}
	}
	if head := w.head(t); head != "" {
		t.Errorf("the branch is there again: %s", head)
	}
	if _, err := w.branch.Init(t.Context(), w.commits[0], w.firstFiles(), false); err != nil {
		t.Fatal(err)
	}
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
}

// The branch was replaced by another history: it is what the remote says.
func TestUnrelatedHistory(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	w.git(t, "update-ref", "-d", w.branch.Names.GitopsRef())
	if _, err := w.elsewhere(t).Init(t.Context(), w.commits[0], w.firstFiles(), false); err != nil {
		t.Fatal(err)
	}
	out := apply(t, w.branch, w.release(w.commits[2], "web"), promote.Promoted)
	if out.Replaced != "" || out.Rounds != 2 {
		t.Errorf("outcome %+v", out)
	}
	w.sound(t)
}

func TestRefusedByTheRemote(t *testing.T) {
	w := newWorld(t, 2)
	before := w.head(t)
	w.hook(t, "pre-receive", "echo 'no deploys on Fridays' >&2; exit 1")
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, fail.Failed, "", "refused", "no deploys on Fridays")
	if w.head(t) != before {
		t.Error("the branch moved")
	}
	if err := os.Remove(filepath.Join(w.server.Dir, "hooks/pre-receive")); err != nil {
		t.Fatal(err)
	}
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
}

func TestNotAllowedToPush(t *testing.T) {
	w := newWorld(t, 2)
	w.git(t, "config", "http.receivepack", "false")
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, fail.Failed, "", "did not reach the remote", "403")
	w.git(t, "config", "http.receivepack", "true")
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
}

func TestUnreachableRemote(t *testing.T) {
	w := newWorld(t, 2)
	before := w.head(t)
	hang, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hang.Close()
	away := w.branch
	for _, tt := range []struct{ name, url string }{
		{"nobody listens", "http://bob:" + "hunter2" + "@127.0.0.1:1/remote.git"},
		{"hangs", "http://bob:" + "hunter2" + "@" + hang.Addr().String() + "/remote.git"},
	} {
		away.Remote = git.Remote{URL: tt.url, Timeout: time.Second}
		_, err := away.Apply(t.Context(), w.release(w.commits[1], "api"))
		wantFail(t, err, fail.Failed, "", "http://***@127.0.0.1")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is shown: %v", tt.name, err)
		}
	}
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

// The remote takes the push and the connection ends before its answer.
func TestAnswerToThePushIsLost(t *testing.T) {
	w := newWorld(t, 2)
	lose := true
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if lose && strings.HasSuffix(req.URL.Path, "git-receive-pack") && req.Method == http.MethodPost {
			lose = false
			w.server.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		}
		w.server.ServeHTTP(rw, req)
	}))
	defer front.Close()
	b := w.branch
	b.Remote.URL = front.URL + "/remote.git"
	out := apply(t, b, w.release(w.commits[1], "api"), promote.Promoted)
	if out.Commit != w.head(t) || lose {
		t.Errorf("outcome %+v, head %s", out, w.head(t))
	}
}

func TestInterruptedWhileItWaits(t *testing.T) {
	w := newWorld(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	r := w.release(w.commits[1], "api")
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error { cancel(); return nil }
	before := w.head(t)
	_, err := w.branch.Apply(ctx, r)
	if fail.CodeOf(err) != fail.Interrupted || w.head(t) != before {
		t.Errorf("got %v", err)
	}
	// While another one holds the cache, too.
	r = w.release(w.commits[1], "api")
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := w.branch.Head(ctx); err == nil || !strings.Contains(err.Error(), "waiting for another") {
			t.Errorf("got %v", err)
		}
		return nil
	}
	apply(t, w.branch, r, promote.Promoted)
}

// A cache that something destroyed is made anew, whatever is broken.
func TestBrokenCacheIsReplaced(t *testing.T) {
	w := newWorld(t, 20)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	caches, err := filepath.Glob(filepath.Join(w.branch.Cache, "*.git"))
	if err != nil || len(caches) != 1 {
		t.Fatal(caches, err)
	}
	dir := caches[0]
	overwrite := func(pattern string, content []byte) func() error {
		return func() error {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			for _, f := range files {
				_ = os.Chmod(f, 0o600)
				if content == nil {
					err = os.Truncate(f, 20)
				} else {
					err = os.WriteFile(f, content, 0o600)
				}
			}
			if len(files) == 0 {
				t.Errorf("no %s to break", pattern)
			}
			return err
		}
	}
	for i, tt := range []struct {
		name string
		ruin func() error
	}{
		{"gone", func() error { return os.RemoveAll(dir) }},
		{"empty", func() error { return os.RemoveAll(filepath.Join(dir, "objects")) }},
		{"half made", func() error { return os.Remove(filepath.Join(dir, "HEAD")) }},
		{"a file", func() error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) }},
		{"packs truncated", overwrite("objects/pack/*.pack", nil)},
		{"packs of zeros", overwrite("objects/pack/*.pack", make([]byte, 4096))},
		{"no indexes", overwrite("objects/pack/*.idx", []byte{})},
		{"seen zeros", overwrite("lane-seen", []byte(strings.Repeat("0", 40)+"\n"))},
		{"seen what is not there", overwrite("lane-seen", []byte(strings.Repeat("1", 40)+"\n"))},
		{"seen noise", overwrite("lane-seen", []byte("noise"))},
		{"ref of noise", func() error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "refs/lane"), 0o700), os.WriteFile(filepath.Join(dir, "refs/lane/fetched"), []byte("noise"), 0o600))
		}},
		{"config of noise", overwrite("config", []byte("[noise"))},
		{"shallow of noise", func() error { return os.WriteFile(filepath.Join(dir, "shallow"), []byte("noise\n"), 0o600) }},
		{"locks left", func() error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "shallow.lock"), nil, 0o600), os.Remove(filepath.Join(dir, "lane-seen")))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.ruin(); err != nil {
				t.Fatal(err)
			}
			apply(t, w.branch, w.release(w.commits[i+2], "api"), promote.Promoted)
			if _, _, err := w.branch.Content(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	w.sound(t)
}

// Many promotions do not make the cache grow for ever.
func TestCacheIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	run := w.branch.Names.RuntimePath
	caches, err := filepath.Glob(filepath.Join(w.branch.Cache, "*.git"))
	if err != nil || len(caches) != 1 {
		t.Fatal(caches, err)
	}
	repo := &git.Repo{GitDir: caches[0]}
	for i := range 80 {
		writeCommit(t, repo, git.NewCommit{Message: "x", Put: map[string][]byte{run + "/x": {byte(i)}}})
	}
	apply(t, w.branch, w.release(w.commits[0], "api"), promote.Promoted)
	if n, err := repo.Packs(); n > 5 || err != nil {
		t.Errorf("%d packs, %v", n, err)
	}
}

func TestCacheFolderCannotBeUsed(t *testing.T) {
	w := newWorld(t, 2)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := w.branch
	b.Cache = filepath.Join(file, "cache")
	_, err := b.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, fail.Failed, "", "cannot be used", b.Cache)
}
