package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

func TestTree(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	odd := "b/späce \"x\"\nnew*line[1]\\"
	for _, path := range []string{"a.txt", odd, "b/c/d", "b.x", "b/*"} {
		write(t, dir, path, path)
	}
	write(t, dir, "tool", "x")
	if err := os.Chmod(filepath.Join(dir, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	sub := strings.Repeat("1", 40)
	run(t, dir, "add", "-A")
	run(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+sub+",module")
	run(t, dir, "commit", "-qm", "x")
	head := run(t, dir, "rev-parse", "HEAD")
	if err := os.MkdirAll(filepath.Join(dir, "b/c"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(path, content string) git.Entry {
		return git.Entry{Mode: git.ModeFile, Type: "blob", OID: git.BlobID([]byte(content)), Path: path}
	}
	all := []git.Entry{
		file("a.txt", "a.txt"), file("b.x", "b.x"), file("b/*", "b/*"), file("b/c/d", "b/c/d"), file(odd, odd),
		{Mode: git.ModeSymlink, Type: "blob", OID: git.BlobID([]byte("a.txt")), Path: "link"},
		{Mode: git.ModeSubmodule, Type: "commit", OID: sub, Path: "module"},
		{Mode: git.ModeExecutable, Type: "blob", OID: git.BlobID([]byte("x")), Path: "tool"},
	}
	// From a subfolder too, paths are those of the commit.
	repo := open(t, filepath.Join(dir, "b/c"))
	for _, tt := range []struct {
		paths []string
		want  []git.Entry
	}{
		{nil, all},
		{[]string{"b/c"}, all[3:4]},
		{[]string{"b/*"}, all[2:3]}, // a name, not a pattern
		{[]string{"a.txt", "missing"}, all[:1]},
		{[]string{"-r"}, nil},
	} {
		got, err := repo.Tree(t.Context(), head, tt.paths...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.paths, diff)
		}
	}

	for path, want := range map[string]string{"a.txt": "a.txt", "b/c/d": "b/c/d", odd: odd, "tool": "x"} {
		got, err := repo.ReadFile(t.Context(), head, path, 100)
		if string(got) != want || err != nil {
			t.Errorf("reading %q: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"b", "b/c", "link", "module", "missing", "../b/a.txt", ""} {
		_, err := repo.ReadFile(t.Context(), head, path, 100)
		if err == nil {
			t.Errorf("reading %q: no error", path)
		}
	}
	_, err := repo.ReadFile(t.Context(), head, "b/c/d", 4)
	wantFail(t, err, fail.Failed, "the limit is 4", "b/c/d")
}

func TestBlobs(t *testing.T) {
	repo := create(t)
	put := map[string][]byte{}
	for i := range 10000 {
		put[fmt.Sprintf("%d/%d", i%100, i)] = fmt.Appendf(nil, "blob %d", i)
	}
	put["big"] = []byte(strings.Repeat("x", 3<<20))
	put["empty"] = nil
	id, err := repo.WriteCommit(t.Context(), git.NewCommit{Put: put, Message: "m", By: by})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := repo.Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := repo.Blobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	var oids []string
	for _, e := range entries {
		oids = append(oids, e.OID)
	}
	got := map[string][]byte{}
	err = blobs.ReadAll(oids, 4<<20, func(i int, data []byte) error {
		got[entries[i].Path] = data
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(put, got, bytes.Equal) {
		t.Error("what was read is not what was written")
	}

	// After each kind of error the reader still follows the conversation.
	_, err = blobs.Read(git.BlobID(put["big"]), 100)
	wantFail(t, err, fail.Failed, "the limit is 100")
	_, err = blobs.Read(strings.Repeat("1", 40), 100)
	wantFail(t, err, fail.Failed, "not in the repository")
	if _, err = blobs.Read(id, 1000); err == nil || !strings.Contains(err.Error(), "is a commit, not a blob") {
		t.Errorf("a commit: %v", err)
	}
	for _, bad := range []string{"", "HEAD", id + "\n" + id, id + ":big"} {
		if _, err := blobs.Read(bad, 100); err == nil || !strings.Contains(err.Error(), "not a full id") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	stop := errors.New("stop")
	if err := blobs.ReadAll(oids, 4<<20, func(i int, _ []byte) error { return stop }); err != stop {
		t.Errorf("the caller's error: %v", err)
	}
	if data, err := blobs.Read(git.BlobID([]byte("blob 7")), 100); string(data) != "blob 7" || err != nil {
		t.Errorf("afterwards: %q, %v", data, err)
	}
	if err := blobs.ReadAll(nil, 0, nil); err != nil {
		t.Error(err)
	}

	if err := errors.Join(blobs.Close(), blobs.Close()); err != nil {
		t.Error(err)
	}
	if _, err := blobs.Read(oids[0], 100); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
}

func TestBlobsEndWithTheContext(t *testing.T) {
	dir := clone(t, "one")
	ctx, cancel := context.WithCancel(t.Context())
	blobs, err := open(t, dir).Blobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	cancel()
	// The process ends soon, not at once: until then it may still answer.
	for err == nil {
		_, err = blobs.Read(git.BlobID([]byte("one\n")), 100)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCorruptObjectIsAnError(t *testing.T) {
	dir := clone(t, "one", "two")
	one, two := git.BlobID([]byte("one\n")), git.BlobID([]byte("two\n"))
	object := func(id string) string { return filepath.Join(dir, ".git/objects", id[:2], id[2:]) }
	data, err := os.ReadFile(object(two))
	if err != nil {
		t.Fatal(err)
	}
	// A sound object under another's name: only its hash gives it away.
	if err := os.Remove(object(one)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(object(one), data, 0o444); err != nil {
		t.Fatal(err)
	}
	repo := open(t, dir)
	_, err = repo.ReadFile(t.Context(), run(t, dir, "rev-parse", "HEAD"), "one.txt", 100)
	if err == nil || !strings.Contains(err.Error(), "corrupt") {
		t.Errorf("got %v", err)
	}
}

func TestCommit(t *testing.T) {
	dir := clone(t, "one")
	first := run(t, dir, "rev-parse", "HEAD")
	message := "subject\n\nBody: not a trailer\nmore\n\nLane-Source-Commit: " + first + "\nLane-Task-Runs: a b\n"
	run(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	repo, id := open(t, dir), run(t, dir, "rev-parse", "HEAD")
	got, err := repo.Commit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	who := git.Signature{Name: "a", Email: "a@example.com", When: by.When}
	want := git.Commit{
		ID: id, Tree: run(t, dir, "rev-parse", "HEAD^{tree}"), Parents: []string{first},
		Author: who, Committer: who, Message: message,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	trailers := []git.Trailer{{Key: "Lane-Source-Commit", Value: first}, {Key: "Lane-Task-Runs", Value: "a b"}}
	if diff := cmp.Diff(trailers, git.Trailers(got.Message)); diff != "" {
		t.Error(diff)
	}
	if _, err := repo.Commit(t.Context(), git.BlobID([]byte("one\n"))); err == nil {
		t.Error("a blob was read as a commit")
	}
}
