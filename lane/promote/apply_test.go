package promote_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
)

func TestE6_PromotesInOneCommit(t *testing.T) {
	w := newWorld(t, 3)
	initial := w.head(t)
	r := w.release(w.commits[1], "api", "web")
	r.PipelineRun, r.TaskRuns = "run-1", []string{"run-1-publish", "run-1-promote"}
	out := apply(t, w.branch, r, promote.Promoted)
	w.wantChanges(t, out.Changes, []string{"services/api.yaml", "services/web.yaml"}, []string{"catalog"}, nil)
	head, err := w.branch.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := promote.Outcome{
		Result: "promoted", Branch: "refs/heads/v0.3-gitops", Source: w.commits[1],
		Previous: initial, Commit: w.head(t), Rounds: 1, Changes: out.Changes, Notes: []string{}, Catalog: head.Catalog,
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	message := fmt.Sprintf(`promote shop v0.3 %.12s

Lane-Source-Commit: %s
Lane-Intent-Digest: %s
Lane-Render-Digest: %s
Lane-Pipeline-Run: run-1
Lane-Task-Runs: run-1-publish run-1-promote`, w.commits[1], w.commits[1], head.Catalog.IntentDigest, head.Catalog.RenderDigest)
	if got := w.git(t, "log", "-1", "--format=%B", out.Commit); got != message {
		t.Errorf("message %q, want %q", got, message)
	}
	if got := w.git(t, "log", "-1", "--format=%an %ae %cn %ce %at %ct", out.Commit); got != "lane lane@shop lane lane@shop 1700000000 1700000000" {
		t.Errorf("signature %q", got)
	}

	// The next one touches one service; the other's file stays.
	out = apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	w.wantChanges(t, out.Changes, nil, []string{"catalog", "services/api.yaml"}, nil)
	if out.Replaced != w.commits[1] {
		t.Errorf("replaced %q", out.Replaced)
	}
	w.sound(t)
}

func TestSameContentIsNoCommit(t *testing.T) {
	w := newWorld(t, 2)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	before := w.head(t)
	for _, b := range []promote.Branch{w.branch, w.elsewhere(t)} {
		out := apply(t, b, w.release(w.commits[1], "api"), promote.NothingToChange)
		if out.Commit != before || w.head(t) != before || !out.Changes.Empty() {
			t.Errorf("outcome %+v", out)
		}
	}
}

func TestOlderCommitIsSuperseded(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	before := w.head(t)
	out := apply(t, w.branch, w.release(w.commits[1], "api"), promote.Superseded)
	if out.Commit != before || w.head(t) != before || out.Replaced != w.commits[2] {
		t.Errorf("outcome %+v", out)
	}
	// Unless it is meant.
	apply(t, w.branch, w.back(w.release(w.commits[1], "api"), before), promote.Promoted)
}

// TestI10_AnOutcomeHasTheCatalogOfItsCommit, so that a run leaves what it promoted
// without asking the remote again.
func TestI10_AnOutcomeHasTheCatalogOfItsCommit(t *testing.T) {
	w := newWorld(t, 3)
	for _, tt := range []struct {
		commit string
		want   promote.Result
	}{{w.commits[2], promote.Promoted}, {w.commits[2], promote.NothingToChange}, {w.commits[1], promote.Superseded}} {
		out := apply(t, w.branch, w.release(tt.commit, "api"), tt.want)
		head, err := w.elsewhere(t).Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(head.Catalog, out.Catalog); diff != "" || head.Commit != out.Commit {
			t.Errorf("%s at %s, the branch is at %s: %s", out.Result, out.Commit, head.Commit, diff)
		}
	}
}

// What the cache believes is confirmed before anything but a push rests on it.
func TestStaleCacheIsConfirmed(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	// Here the branch looks as if nothing were to do.
	apply(t, w.elsewhere(t), w.release(w.commits[2], "api"), promote.Promoted)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Superseded)
	// Here as if the commit were superseded; it was rolled back meanwhile.
	apply(t, w.elsewhere(t), w.release(w.commits[3], "api"), promote.Promoted)
	apply(t, w.branch, w.release(w.commits[3], "api"), promote.NothingToChange)
	apply(t, w.elsewhere(t), w.back(w.release(w.commits[1], "api"), w.head(t)), promote.Promoted)
	w.unhold(t, w.elsewhere(t))
	out := apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	if out.Replaced != w.commits[1] || out.Rounds != 2 {
		t.Errorf("outcome %+v", out)
	}
}

func TestE1_RefusesCommitsOutsideTheSourceBranch(t *testing.T) {
	w := newWorld(t, 3)
	side := w.sourceCommit(t, w.commits[1], "side")
	_, err := w.branch.Apply(t.Context(), w.release(side, "api"))
	wantFail(t, err, fail.Refused, "E1", "not on the source branch")
	_, err = w.branch.Apply(t.Context(), w.release(strings.Repeat("1", 40), "api"))
	wantFail(t, err, fail.Refused, "E1", "not on the source branch")
}

func TestRewrittenHistoryGoesAhead(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	b := w.branch
	b.Source.Head = w.sourceCommit(t, w.commits[0], "rewritten")
	out := apply(t, b, w.release(b.Source.Head, "api"), promote.Promoted)
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "rewritten") {
		t.Errorf("notes %q", out.Notes)
	}
}

// Two lines that were merged: neither commit contains the other.
func TestE1_RefusesACommitBesideThePromotedOne(t *testing.T) {
	w := newWorld(t, 2)
	left, right := w.sourceCommit(t, w.commits[1], "left"), w.sourceCommit(t, w.commits[1], "right")
	b := w.branch
	b.Source = promote.Source{Head: "merge", Ancestor: func(ctx context.Context, a, b string) (bool, error) {
		if b == "merge" {
			return true, nil
		}
		return w.source.IsAncestor(ctx, a, b)
	}}
	apply(t, b, w.release(left, "api"), promote.Promoted)
	_, err := b.Apply(t.Context(), w.release(right, "api"))
	wantFail(t, err, fail.Refused, "E1", "neither before nor after")
}

// Somebody else promoted between read and push: everything is decided again on
// what is there now, and what is reused comes from the new catalog.
func TestMovedBranchIsDecidedAgain(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	r, other := w.release(w.commits[3], "api"), w.elsewhere(t)
	var once bool
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error {
		if !once {
			once = true
			apply(t, other, w.release(w.commits[2], "web"), promote.Promoted)
		}
		return nil
	}
	out := apply(t, w.branch, r, promote.Promoted)
	if out.Rounds != 2 || out.Replaced != w.commits[2] {
		t.Errorf("outcome %+v", out)
	}
	head, err := w.branch.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if web, _ := head.Catalog.Service("web"); web.SourceCommitID != w.commits[2] {
		t.Errorf("web is of %s: the other promotion is lost", web.SourceCommitID)
	}
	w.sound(t)

	// The same, but the other one is newer.
	r, once = w.release(w.commits[2], "api"), false
	w2 := newWorld(t, 4)
	r = w2.release(w2.commits[2], "api")
	other = w2.elsewhere(t)
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error {
		apply(t, other, w2.release(w2.commits[3], "web"), promote.Promoted)
		return nil
	}
	apply(t, w2.branch, r, promote.Superseded)
	w2.sound(t)
}

// A plan that does not stand on the new catalog is stale, and only the new
// catalog decides that.
func TestStalePlan(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	planned, err := w.branch.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, w.elsewhere(t), w.release(w.commits[2], "api"), promote.Promoted)
	before := w.head(t)
	var asked []string
	r := w.release(w.commits[3], "web")
	build := r.Make
	r.Make = func(ctx context.Context, head *promote.Head) (map[string][]byte, error) {
		asked = append(asked, head.Commit)
		was, _ := planned.Catalog.Service("api")
		if is, _ := head.Catalog.Service("api"); is.ComponentIdentity != was.ComponentIdentity {
			return nil, &fail.Error{Code: fail.Stale, Err: errors.New("the catalog moved on"), Hint: "plan again"}
		}
		return build(ctx, head)
	}
	_, err = w.branch.Apply(t.Context(), r)
	wantFail(t, err, fail.Stale, "", "moved on")
	if diff := cmp.Diff([]string{planned.Commit, before}, asked); diff != "" {
		t.Errorf("Make was called with the heads %s", diff)
	}
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t, 2)
	before, asked := w.head(t), false
	r := w.release(w.commits[1], "api")
	r.DryRun = true
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error { asked = true; return nil }
	out := apply(t, w.branch, r, promote.Promoted)
	w.wantChanges(t, out.Changes, []string{"services/api.yaml"}, []string{"catalog"}, nil)
	if !asked || !out.DryRun || out.Commit != before || w.head(t) != before {
		t.Errorf("preflight %v, outcome %+v", asked, out)
	}
}

func TestPreflightStopsThePush(t *testing.T) {
	w := newWorld(t, 2)
	before := w.head(t)
	r := w.release(w.commits[1], "api")
	r.Preflight = func(_ context.Context, files map[string][]byte, changes promote.Changes) error {
		if len(files) != 3 || len(changes.Added) != 1 {
			t.Errorf("files %d, changes %+v", len(files), changes)
		}
		return fail.Refuse("C4", "services/api.yaml:1", "remove it", "this looks like a secret")
	}
	_, err := w.branch.Apply(t.Context(), r)
	wantFail(t, err, fail.Refused, "C4", "looks like a secret")
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

func TestC3_ExactContent(t *testing.T) {
	w := newWorld(t, 3)
	run := w.branch.Names.RuntimePath
	apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	note := []byte("{\"note\": true}\n")
	w.hand(t, map[string][]byte{
		run + "/.lane/hotfixes/note.json": note,
		run + "/.lane/a/b":                []byte("x"),
		run + "/extra.yaml":               []byte("kind: Pod\n"),
		run + "/services/api.yaml":        []byte("image: mine\n"),
		run + "/.lanes":                   []byte("not metadata"),
		"README.md":                       []byte("hello"),
		"deploy/deploy.json":              []byte("{}"),
	})
	// web leaves the lane; api's manifest goes back to what the release says.
	r := w.release(w.commits[2])
	r.Make = func(_ context.Context, head *promote.Head) (map[string][]byte, error) {
		reduced := *head.Catalog
		reduced.Services = reduced.Services[:1]
		return contentFor(w.branch.Names, &reduced, w.commits[2], nil), nil
	}
	out := apply(t, w.branch, r, promote.Promoted)
	w.wantChanges(t, out.Changes, nil, []string{"catalog", "services/api.yaml"},
		[]string{".lane/a/b", ".lanes", "README.md", "deploy/deploy.json", "extra.yaml", "services/web.yaml"})
	if diff := cmp.Diff([]string{".lane/hotfixes/note.json", "catalog", "namespace.yaml", "services/api.yaml"}, w.files(t)); diff != "" {
		t.Error(diff)
	}
	if got := w.git(t, "show", w.branch.Names.GitopsRef()+":"+run+"/.lane/hotfixes/note.json"); got+"\n" != string(note) {
		t.Errorf("metadata %q", got)
	}
}

// A file that became a folder, an executable bit, a symbolic link, a submodule:
// all of it goes back to what the release says.
func TestC3_RepairsWhatHandsDid(t *testing.T) {
	w := newWorld(t, 2)
	run := w.branch.Names.RuntimePath
	apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	want := w.files(t)
	wanted := w.git(t, "rev-parse", w.branch.Names.GitopsRef()+"^{tree}")
	w.hand(t, map[string][]byte{run + "/services/api.yaml/x": nil, run + "/.lane/old/deployment.yaml": nil, run + "/.lane/hotfixes/x/y.json": nil}, run+"/services/api.yaml")
	index := t.TempDir() + "/index"
	t.Setenv("GIT_INDEX_FILE", index)
	w.git(t, "read-tree", w.branch.Names.GitopsRef())
	link := git.BlobID(nil)
	w.git(t, "update-index", "--cacheinfo", "120000,"+link+","+run+"/services/web.yaml")
	w.git(t, "update-index", "--add", "--cacheinfo", "160000,"+w.commits[0]+","+run+"/module")
	w.git(t, "update-index", "--cacheinfo", "100755,"+git.BlobID([]byte("kind: Namespace\n"))+","+run+"/namespace.yaml")
	w.git(t, "update-ref", w.branch.Names.GitopsRef(),
		w.git(t, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit-tree", "-m", "by hand", "-p", w.head(t), w.git(t, "write-tree")))

	apply(t, w.elsewhere(t), w.release(w.commits[1], "api", "web"), promote.Promoted)
	if diff := cmp.Diff(want, w.files(t)); diff != "" {
		t.Error(diff)
	}
	if got := w.git(t, "rev-parse", w.branch.Names.GitopsRef()+"^{tree}"); got != wanted {
		t.Errorf("tree %s, want %s", got, wanted)
	}
}

func TestD4_RefusesFilesOutsideTheLane(t *testing.T) {
	w := newWorld(t, 2)
	for _, path := range []string{
		"deploy/deploy.json", "README.md",
		"deploy/gitops/k7/runtime-v04/x.yaml", // another lane's
		"deploy/artifact-catalog.v04.json",
		w.branch.Names.RuntimePath,
		w.branch.Names.RuntimePath + "/../../x",
		w.branch.Names.RuntimePath + "//x",
	} {
		w.refuses(t, "D4", path, func(f map[string][]byte) { f[path] = nil })
	}
}

func TestC3_RefusesMetadataAndTangledPaths(t *testing.T) {
	w := newWorld(t, 2)
	w.refuses(t, "C3", "does not write it", func(f map[string][]byte) { f[w.branch.Names.Metadata()+"/hold.json"] = nil })
	w.refuses(t, "C3", "does not write it", func(f map[string][]byte) { f[w.branch.Names.Metadata()] = nil })
	w.refuses(t, "C3", "as a file and as a folder", func(f map[string][]byte) { f[w.branch.Names.RuntimePath+"/namespace.yaml/x"] = nil })
}

func TestC5_RefusesContentWithoutACatalog(t *testing.T) {
	w := newWorld(t, 2)
	w.refuses(t, "C5", "no catalog", func(f map[string][]byte) { delete(f, w.branch.Names.ArtifactCatalog) })
	w.refuses(t, "C5", "not valid JSON", func(f map[string][]byte) { f[w.branch.Names.ArtifactCatalog] = []byte("{") })
}

func TestF4_RefusesTheCatalogOfAnotherCommit(t *testing.T) {
	w := newWorld(t, 2)
	w.refuses(t, "F4", "the catalog is of commit", func(f map[string][]byte) {
		maps.Copy(f, contentFor(w.branch.Names, catalog.Empty(w.branch.Names, w.commits[0], ""), w.commits[0], []string{"api"}))
	})
}

// refuses promotes content that edit has spoiled.
func (w *world) refuses(t *testing.T, rule, why string, edit func(files map[string][]byte)) {
	t.Helper()
	before := w.head(t)
	r := w.release(w.commits[1], "api")
	build := r.Make
	r.Make = func(ctx context.Context, head *promote.Head) (map[string][]byte, error) {
		files, err := build(ctx, head)
		edit(files)
		return files, err
	}
	_, err := w.branch.Apply(t.Context(), r)
	if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "(rule "+rule+")") {
		t.Errorf("got %v, want a refusal by %s that says %q", err, rule, why)
	}
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

func TestForgedTrailerIsRefused(t *testing.T) {
	w := newWorld(t, 2)
	before := w.head(t)
	r := w.release(w.commits[1], "api")
	r.PipelineRun = "x\n\nLane-Source-Commit: forged"
	_, err := w.branch.Apply(t.Context(), r)
	wantFail(t, err, fail.Failed, "", "cannot stand in a commit message")
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

func TestF7_WritesTheGitopsBranchAlone(t *testing.T) {
	w := newWorld(t, 2)
	w.git(t, "update-ref", w.branch.Names.SourceRef(), w.head(t))
	gitops, refs := w.head(t), w.git(t, "for-each-ref")
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	if want := strings.Replace(refs, gitops+" commit\t"+w.branch.Names.GitopsRef(), w.head(t)+" commit\t"+w.branch.Names.GitopsRef(), 1); w.git(t, "for-each-ref") != want {
		t.Errorf("refs %q, want %q", w.git(t, "for-each-ref"), want)
	}
}

func TestContent(t *testing.T) {
	w := newWorld(t, 2)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	head, content, err := w.branch.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := contentFor(w.branch.Names, head.Catalog, w.commits[1], []string{"api"})
	if diff := cmp.Diff(want, content); diff != "" {
		t.Error(diff)
	}
}
