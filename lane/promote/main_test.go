package promote_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

// TestMain lets the test binary play a process that promotes once and can be
// killed: PROMOTE_TEST holds remote, cache, source repository, its head and the
// commit, one on each line. With a word in the place of the commit it holds the
// lane, and the word is the reason.
func TestMain(m *testing.M) {
	if os.Getenv("PROMOTE_TEST") == "" {
		os.Exit(m.Run())
	}
	os.Exit(int(promoteOnce()))
}

func promoteOnce() fail.Code {
	var remote, cache, source, head, commit string
	if _, err := fmt.Sscan(os.Getenv("PROMOTE_TEST"), &remote, &cache, &source, &head, &commit); err != nil {
		panic(err)
	}
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		panic(err)
	}
	repo := &git.Repo{GitDir: source}
	w := &world{branch: promote.Branch{
		Names: n, Remote: git.Remote{URL: remote}, Cache: cache,
		Source: promote.Source{Head: head, Ancestor: repo.IsAncestor}, Now: clock,
	}}
	var out promote.Outcome
	if canon.IsCommit(commit) {
		out, err = w.branch.Apply(context.Background(), w.release(commit, "api"))
	} else {
		out, err = w.branch.Record(context.Background(), w.hold(commit, time.Time{}))
	}
	fmt.Println(out.Result, err, "hint:", fail.HintOf(err), "cache:", filepath.Base(cache))
	return fail.CodeOf(err)
}

// alone is how another process promotes commit with the cache in folder.
func (w *world) alone(cache, commit string) []string {
	return append(os.Environ(), "GORACE=atexit_sleep_ms=0", fmt.Sprintf("PROMOTE_TEST=%s %s %s %s %s",
		w.server.URL, cache, w.source.GitDir, w.branch.Source.Head, commit))
}
