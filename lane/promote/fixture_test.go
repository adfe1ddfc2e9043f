package promote_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
)

func shop(t testing.TB) names.Names {
	t.Helper()
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func clock() time.Time { return time.Unix(1700000000, 0).UTC() }

// world is a lane with a real remote and a source history.
type world struct {
	server  *scratch.GitRemote
	branch  promote.Branch
	source  *git.Repo
	commits []string // of the source branch, oldest first
}

// newWorld starts a remote and makes a source branch of n commits. The GitOps
// branch is made by Init, for the first of them.
func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := emptyWorld(t, n)
	if _, err := w.branch.Init(t.Context(), w.commits[0], w.firstFiles(), false); err != nil {
		t.Fatal(err)
	}
	return w
}

func emptyWorld(t testing.TB, n int) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a git server: not in -short")
	}
	server, err := scratch.StartGitRemote(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	source, err := git.Create(t.Context(), filepath.Join(t.TempDir(), "source.git"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{server: server, source: source}
	for i := range n {
		parent := ""
		if i > 0 {
			parent = w.commits[i-1]
		}
		w.commits = append(w.commits, w.sourceCommit(t, parent, fmt.Sprint(i)))
	}
	w.branch = promote.Branch{
		Names: shop(t), Remote: git.Remote{URL: server.URL}, Cache: t.TempDir(),
		Source: promote.Source{Head: w.commits[n-1], Ancestor: source.IsAncestor}, Now: clock,
	}
	return w
}

func (w *world) sourceCommit(t testing.TB, parent, content string) string {
	t.Helper()
	return writeCommit(t, w.source, git.NewCommit{Parent: parent, Put: map[string][]byte{"f": []byte(content)}, Message: content})
}

func writeCommit(t testing.TB, repo *git.Repo, c git.NewCommit) string {
	t.Helper()
	c.By = git.Signature{Name: "someone", Email: "someone@example.com", When: clock()}
	id, err := repo.WriteCommit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// elsewhere is the same branch as another machine sees it, with its own cache
// and its own clock.
func (w *world) elsewhere(t testing.TB) promote.Branch {
	b := w.branch
	b.Cache = t.TempDir()
	b.Now = func() time.Time { return clock().Add(time.Second) }
	return b
}

func (w *world) firstFiles() map[string][]byte {
	c := catalog.Empty(w.branch.Names, w.commits[0], canon.Digest(nil))
	return withCatalog(w.branch.Names, c, map[string][]byte{w.branch.Names.RuntimePath + "/namespace.yaml": []byte("kind: Namespace\n")})
}

// release builds the services named and reuses what else the head has, as the
// catalog and the render of a real release do.
func (w *world) release(commit string, services ...string) promote.Release {
	return promote.Release{
		Commit: commit,
		Make: func(_ context.Context, head *promote.Head) (map[string][]byte, error) {
			return contentFor(w.branch.Names, head.Catalog, commit, services), nil
		},
	}
}

func contentFor(n names.Names, previous *catalog.Catalog, commit string, built []string) map[string][]byte {
	c := catalog.Empty(n, commit, canon.Digest([]byte("intent")))
	for _, s := range previous.Services {
		if !slices.Contains(built, s.ServiceID) {
			s.Status = catalog.Reused
			if s.SourceCommitID == commit {
				s.Status = catalog.Published
			}
			c.Services = append(c.Services, s)
		}
	}
	for _, id := range built {
		c.Services = append(c.Services, catalog.Service{
			ServiceID: id, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: canon.Digest([]byte(commit)),
			Image: catalog.Image{Repository: n.Repository(id), Tag: commit, Digest: canon.Digest([]byte(id + commit)), MediaType: publish.MediaType},
		})
	}
	slices.SortFunc(c.Services, func(a, b catalog.Service) int { return strings.Compare(a.ServiceID, b.ServiceID) })
	files := map[string][]byte{n.RuntimePath + "/namespace.yaml": []byte("kind: Namespace\n")}
	for _, s := range c.Services {
		files[n.RuntimePath+"/services/"+s.ServiceID+".yaml"] = []byte("image: " + s.Image.Digest + "\n")
	}
	return withCatalog(n, c, files)
}

func withCatalog(n names.Names, c *catalog.Catalog, files map[string][]byte) map[string][]byte {
	c.RenderDigest = canon.Digest(fmt.Append(nil, len(files)))
	data, err := c.Encode()
	if err != nil {
		panic(err)
	}
	files[n.ArtifactCatalog] = data
	return files
}

// apply promotes and wants the result.
func apply(t testing.TB, b promote.Branch, r promote.Release, want promote.Result) promote.Outcome {
	t.Helper()
	out, err := b.Apply(t.Context(), r)
	if want == promote.Superseded {
		wantFail(t, err, fail.Stale, "", "superseded")
	} else if err != nil {
		t.Fatal(err)
	}
	if out.Result != want {
		t.Fatalf("result %q, want %q", out.Result, want)
	}
	return out
}

// paths below the runtime path, with the catalog as "catalog".
func (w *world) short(paths []string) []string {
	var out []string
	for _, p := range paths {
		if p == w.branch.Names.ArtifactCatalog {
			p = "catalog"
		}
		out = append(out, strings.TrimPrefix(p, w.branch.Names.RuntimePath+"/"))
	}
	slices.Sort(out)
	return out
}

func (w *world) wantChanges(t testing.TB, got promote.Changes, added, changed, removed []string) {
	t.Helper()
	want := [][]string{added, changed, removed}
	if diff := cmp.Diff(want, [][]string{w.short(got.Added), w.short(got.Changed), w.short(got.Removed)}); diff != "" {
		t.Errorf("added, changed, removed: %s", diff)
	}
}

// git runs git in the remote's repository.
func (w *world) git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir=" + w.server.Dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// head is the remote's branch, "" when there is none.
func (w *world) head(t testing.TB) string {
	t.Helper()
	return w.git(t, "for-each-ref", "--format=%(objectname)", w.branch.Names.GitopsRef())
}

// files are the paths on the branch.
func (w *world) files(t testing.TB) []string {
	t.Helper()
	return w.short(strings.Fields(w.git(t, "ls-tree", "-r", "--name-only", w.branch.Names.GitopsRef())))
}

// hand commits straight to the remote's branch, as somebody with a clone would.
func (w *world) hand(t testing.TB, put map[string][]byte, remove ...string) string {
	t.Helper()
	repo := &git.Repo{GitDir: w.server.Dir}
	id := writeCommit(t, repo, git.NewCommit{Parent: w.head(t), Put: put, Delete: remove, Message: "by hand"})
	w.git(t, "update-ref", w.branch.Names.GitopsRef(), id)
	return id
}

func (w *world) hook(t testing.TB, name, script string) {
	t.Helper()
	file := filepath.Join(w.server.Dir, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// sound checks that the remote is whole, and its history linear and in source
// order. It gives the promoted source commits, oldest first.
func (w *world) sound(t testing.TB) []string {
	t.Helper()
	w.git(t, "fsck", "--strict", "--no-dangling")
	var promoted []string
	last := -1
	log := w.git(t, "log", "--reverse", "--format=%P|%(trailers:key=Lane-Source-Commit,valueonly,separator=)", w.branch.Names.GitopsRef())
	for i, line := range strings.Split(log, "\n") {
		parents, source, _ := strings.Cut(line, "|")
		if n := len(strings.Fields(parents)); n != min(i, 1) {
			t.Errorf("commit %d of the branch has %d parents", i, n)
		}
		at := slices.Index(w.commits, source)
		if at < last {
			t.Errorf("commit %d of the branch promotes source commit %d after %d", i, at, last)
		}
		last = at
		promoted = append(promoted, source)
	}
	return promoted
}

func wantFail(t testing.TB, err error, code fail.Code, rule string, why ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", why)
	}
	if fail.CodeOf(err) != code || fail.RuleOf(err) != rule || fail.HintOf(err) == "" {
		t.Errorf("code %d, rule %q, hint %q, want code %d, rule %q and a hint: %v", fail.CodeOf(err), fail.RuleOf(err), fail.HintOf(err), code, rule, err)
	}
	for _, part := range why {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}
