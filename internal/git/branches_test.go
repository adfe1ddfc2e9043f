package git_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// TestBranches: every branch of the remote by its full name, and nothing else that has
// a ref: no tag, no note, no pull request.
func TestBranches(t *testing.T) {
	dir := clone(t, "one", "two")
	server, remote := serve(t, dir)
	two, one := run(t, dir, "rev-parse", "HEAD"), run(t, dir, "rev-parse", "HEAD~1")
	run(t, dir, "tag", "-a", "-m", "x", "v1")
	run(t, dir, "push", "-q", remote.URL, "refs/tags/v1", "HEAD:refs/notes/x", "HEAD:refs/pull/1/head", "HEAD~1:refs/heads/v0.1", "HEAD:refs/heads/task/a.b")
	want := map[string]string{mainRef: two, "refs/heads/v0.1": one, "refs/heads/task/a.b": two}
	got, err := remote.Branches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Refs that are packed, and a repository without any.
	run(t, server.Dir, "pack-refs", "--all")
	if got, err = remote.Branches(t.Context()); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("packed: %v, %v", got, err)
	}
	_, empty := serve(t, "")
	if got, err := empty.Branches(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	for _, url := range []string{t.TempDir(), "http://user:pass@127.0.0.1:1/x.git", "--upload-pack=x"} {
		_, err := git.Remote{URL: url}.Branches(t.Context())
		wantFail(t, err, fail.Failed, "asking for its branches")
		if strings.Contains(err.Error(), "pass") {
			t.Errorf("the error has the credentials: %v", err)
		}
	}
}

// TestFetchWhole: the commit with all its ancestors and every file that any of them
// has, also where nothing but the commits was there, and nothing of other branches.
func TestFetchWhole(t *testing.T) {
	dir := clone(t, "one", "two")
	run(t, dir, "rm", "-q", "one.txt")
	last := commit(t, dir, "three")
	_, remote := serve(t, dir)
	run(t, dir, "checkout", "-q", "-b", "other", "HEAD~1")
	stray := commit(t, dir, "four")
	run(t, dir, "push", "-q", remote.URL, "other")
	const local = "refs/lane/of-0"
	for _, commits := range []bool{false, true} {
		repo := create(t)
		if commits {
			if _, err := repo.FetchHistory(t.Context(), remote, mainRef, local); err != nil {
				t.Fatal(err)
			}
		}
		id, err := repo.FetchWhole(t.Context(), remote, mainRef, local)
		if err != nil || id != last {
			t.Fatalf("fetched %s, want %s: %v", id, last, err)
		}
		for rev, want := range map[string]map[string]string{
			last:         {"two.txt": "two\n", "three.txt": "three\n"},
			last + "~1^": {"one.txt": "one\n"},
		} {
			if diff := cmp.Diff(want, files(t, repo, run(t, repo.GitDir, "rev-parse", rev))); diff != "" {
				t.Errorf("%s (commits before: %v): %s", rev, commits, diff)
			}
		}
		if shallow, err := repo.IsShallow(t.Context()); shallow || err != nil {
			t.Errorf("shallow: %v, %v", shallow, err)
		}
		if _, err := repo.Commit(t.Context(), stray); err == nil {
			t.Error("another branch was fetched too")
		}
		if got := run(t, repo.GitDir, "for-each-ref", "--format=%(objectname) %(refname)"); got != last+" "+local {
			t.Errorf("refs: %s", got)
		}
		run(t, repo.GitDir, "fsck", "--strict")

		for _, bad := range [][2]string{{"main", local}, {mainRef, "of-0"}, {"refs/heads/*", local}, {mainRef, "refs/lane/a..b"}, {"refs/heads/missing", local}} {
			if _, err := repo.FetchWhole(t.Context(), remote, bad[0], bad[1]); err == nil {
				t.Errorf("%q is accepted", bad)
			}
		}
	}
}

// TestAllBlobs: every file that the repository has, whatever names it: packed or not,
// in a commit, in none, or behind a tag.
func TestAllBlobs(t *testing.T) {
	dir := clone(t, "one", "two")
	repo := open(t, dir)
	want := []string{git.BlobID([]byte("one\n")), git.BlobID([]byte("two\n"))}
	all := func(what string) {
		t.Helper()
		got, err := repo.AllBlobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	all("loose")
	run(t, dir, "repack", "-adq")
	all("packed")
	write(t, dir, "loose", "nobody's\n")
	run(t, dir, "hash-object", "-w", "loose")
	want = append(want, git.BlobID([]byte("nobody's\n")))
	all("both, and one that nothing names")
	run(t, dir, "reset", "-q", "--hard", "HEAD~1")
	all("after a reset")

	repo = create(t)
	want = nil
	all("of nothing")
	if _, err := (&git.Repo{GitDir: t.TempDir()}).AllBlobs(t.Context()); err == nil {
		t.Error("a folder without a repository has blobs")
	}
}

// TestWithout: what one history has and the others have not, newest first and bounded.
func TestWithout(t *testing.T) {
	dir := clone(t, "one", "two")
	two := run(t, dir, "rev-parse", "HEAD")
	three, four := commit(t, dir, "three"), commit(t, dir, "four")
	run(t, dir, "checkout", "-q", "-b", "other", two)
	five := commit(t, dir, "five")
	repo := open(t, dir)
	for _, tt := range []struct {
		limit  int
		id     string
		others []string
		want   []string
	}{
		{9, four, []string{five}, []string{four, three}},
		{1, four, []string{five}, []string{four}},
		{9, four, []string{five, three}, []string{four}},
		{9, two, []string{four}, nil},
		{9, four, []string{four}, nil},
	} {
		found, err := repo.Without(t.Context(), tt.id, tt.limit, tt.others...)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		if diff := cmp.Diff(tt.want, ids); diff != "" {
			t.Error(diff)
		}
	}
	if all, err := repo.Without(t.Context(), four, 9); err != nil || len(all) != 4 {
		t.Errorf("without nothing: %d, %v", len(all), err)
	}
	for _, bad := range [][]string{{"main"}, {four, "--all"}, {four, "other"}, {"^" + four}} {
		if _, err := repo.Without(t.Context(), bad[0], 9, bad[1:]...); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := repo.Without(t.Context(), four, 9, strings.Repeat("1", 40)); err == nil {
		t.Error("a commit that is not there is compared")
	}
}
