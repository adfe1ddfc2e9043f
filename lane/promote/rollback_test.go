package promote_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

// goBack is what `lane promote --rollback-to` does: the content of an earlier commit,
// byte for byte, and a hold.
func (w *world) goBack(t testing.TB, b promote.Branch, commit string) promote.Release {
	t.Helper()
	to, err := b.Promotion(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	_, files, _, err := b.Past(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(files, func(path string, _ []byte) bool { return strings.HasPrefix(path, b.Names.Metadata()+"/") })
	return w.back(promote.Release{
		Commit: commit, PipelineRun: "run", Make: func(context.Context, *promote.Head) (map[string][]byte, error) { return files, nil },
	}, to)
}

func TestRollbackBringsBackTheBytesAndHolds(t *testing.T) {
	w := newWorld(t, 4)
	first := apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	w.record(t, w.branch, w.hold("not today", time.Time{}), promote.Recorded)
	w.unhold(t, w.branch)
	newer := w.release(w.commits[2], "api")
	make := newer.Make
	newer.Make = func(ctx context.Context, head *promote.Head) (map[string][]byte, error) {
		files, err := make(ctx, head)
		files[w.branch.Names.RuntimePath+"/services/extra.yaml"] = []byte("kind: Service\n")
		return files, err
	}
	apply(t, w.branch, newer, promote.Promoted)

	b := w.elsewhere(t)
	out := apply(t, b, w.goBack(t, b, w.commits[1]), promote.Promoted)
	if w.tree(t, out.Commit) != w.tree(t, first.Commit) || out.Source != w.commits[1] || out.Replaced != w.commits[2] {
		t.Errorf("outcome %+v", out)
	}
	w.wantChanges(t, out.Changes, []string{".lane/hold.json"}, []string{"catalog", "services/api.yaml"}, []string{"services/extra.yaml"})
	message := w.message(t)
	for key, want := range map[string]string{
		promote.TrailerRollback: first.Commit, promote.TrailerSource: w.commits[1], promote.TrailerRun: "run", promote.TrailerPromotion: "",
	} {
		if got := promote.Trailer(message, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasPrefix(message, "rollback shop v0.3 "+w.commits[1][:12]+"\n") {
		t.Errorf("message %q", message)
	}
	// The answer was lost: the same again changes nothing.
	apply(t, b, w.goBack(t, b, w.commits[1]), promote.NothingToChange)
	// Newer releases are refused, also where nothing is known of the rollback.
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[3], "api"))
	wantFail(t, err, fail.Refused, "", "going back", "held at "+w.commits[1][:12])
	// Further back, and forth again: each brings its own hold.
	out = apply(t, b, w.goBack(t, b, w.commits[2]), promote.Promoted)
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "instead of: held at "+w.commits[1][:12]) {
		t.Errorf("notes %q", out.Notes)
	}
	w.unhold(t, b)
	apply(t, w.branch, w.release(w.commits[3], "api"), promote.Promoted)
	w.tellsPromotions(t)
}

func TestE1_RefusesARollbackToWhatWasNeverPromoted(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	_, err := w.branch.Promotion(t.Context(), w.commits[2])
	wantFail(t, err, fail.Refused, "E1", "never promoted")
	w.git(t, "update-ref", "-d", w.branch.Names.GitopsRef())
	_, err = w.branch.Promotion(t.Context(), w.commits[1])
	wantFail(t, err, fail.Refused, "C5", "does not exist")
}

// The branch was replaced meanwhile: the history is that of the remote.
func TestWalkFollowsTheRemote(t *testing.T) {
	w := newWorld(t, 3)
	seen := func() (commits []string) {
		if err := w.branch.Walk(t.Context(), func(c git.Commit) bool { commits = append(commits, c.ID); return true }); err != nil {
			t.Fatal(err)
		}
		return commits
	}
	want := func() []string {
		return strings.Fields(w.git(t, "rev-list", "--first-parent", w.branch.Names.GitopsRef()))
	}
	for i := range 2 {
		apply(t, w.branch, w.release(w.commits[i+1], "api"), promote.Promoted)
		if diff := cmp.Diff(want(), seen()); diff != "" {
			t.Error(diff)
		}
	}
	w.git(t, "update-ref", "-d", w.branch.Names.GitopsRef())
	if _, err := w.elsewhere(t).Init(t.Context(), w.commits[0], w.firstFiles(), false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want(), seen()); diff != "" {
		t.Error(diff)
	}
}

// TestC3_AnySequenceKeepsContentAndMetadata: whatever order releases, rollbacks, holds
// and records come in, the branch has exactly the content of the last promotion and
// the metadata that was put, byte for byte, and nothing was promoted over a hold.
func TestC3_AnySequenceKeepsContentAndMetadata(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("20"); err != nil { // each is several pushes
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
	}
	const commits = 6
	w := newWorld(t, commits)
	n := w.branch.Names
	var want map[string][]byte // without metadata
	kept := map[string][]byte{}
	_, want, err := w.branch.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, past := 0, map[int]map[string][]byte{}
	hold := metadata.HoldPath(n)
	rapid.Check(t, func(r *rapid.T) {
		branches := []promote.Branch{w.branch, w.elsewhere(t)}
		for step := range rapid.IntRange(1, 6).Draw(r, "steps") {
			b := branches[rapid.IntRange(0, 1).Draw(r, "machine")]
			i := rapid.IntRange(1, commits-1).Draw(r, "commit")
			switch what := rapid.SampledFrom([]string{"promote", "promote", "rollback", "hold", "free", "note", "forget"}).Draw(r, "what"); what {
			case "promote":
				service := rapid.SampledFrom([]string{"api", "web"}).Draw(r, "service")
				release := w.release(w.commits[i], service)
				out, err := b.Apply(t.Context(), release)
				_, held := kept[hold]
				switch {
				case i < at && out.Result == promote.Superseded:
				case held && out.Result == promote.NothingToChange:
				case held && fail.CodeOf(err) == fail.Refused:
				case err == nil && i >= at && (!held || out.Result == promote.NothingToChange):
					if out.Result == promote.Promoted {
						at = i
						want = w.content(t)
						past[i] = want
					}
				default:
					r.Fatalf("%d after %d, held %t: %+v, %v", i, at, held, out, err)
				}
			case "rollback":
				if past[i] == nil {
					continue
				}
				release := w.goBack(t, b, w.commits[i])
				if out, err := b.Apply(t.Context(), release); err != nil {
					r.Fatalf("%+v, %v", out, err)
				}
				at, want = i, past[i]
				if kept[hold], err = release.Rollback.Hold.Encode(n); err != nil {
					t.Fatal(err)
				}
			default:
				put, remove := map[string][]byte{}, []string{}
				note := metadata.HotfixPath(n, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "note"))
				switch what {
				case "hold":
					data, err := metadata.NewHold(n, w.commits[at], ada, fmt.Sprint("step ", step), clock(), time.Time{}).Encode(n)
					if err != nil {
						t.Fatal(err)
					}
					put[hold] = data
				case "free":
					remove = []string{hold}
				case "note":
					put[note] = rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(r, "bytes")
				case "forget":
					remove = []string{note}
				}
				record := promote.Record{Verb: names.Hold, By: ada, Make: func(*promote.Head) (map[string][]byte, []string, error) { return put, remove, nil }}
				if _, err := b.Record(t.Context(), record); err != nil {
					r.Fatal(err)
				}
				maps.Copy(kept, put)
				for _, path := range remove {
					delete(kept, path)
				}
			}
			if got := w.content(t); !same(got, want) {
				r.Fatalf("content %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
			if got := w.metadata(t); !same(got, kept) {
				r.Fatalf("metadata %q, want %q", got, kept)
			}
		}
	})
	w.git(t, "fsck", "--strict", "--no-dangling")
	w.tellsPromotions(t)
}

func same(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, slices.Equal)
}

// content is the branch's without metadata, as the remote has it.
func (w *world) content(t testing.TB) map[string][]byte {
	t.Helper()
	return w.read(t, func(path string) bool { return !strings.Contains(path, "/.lane/") })
}

func (w *world) metadata(t testing.TB) map[string][]byte {
	t.Helper()
	return w.read(t, func(path string) bool { return strings.Contains(path, "/.lane/") })
}

func (w *world) read(t testing.TB, take func(path string) bool) map[string][]byte {
	t.Helper()
	repo := &git.Repo{GitDir: w.server.Dir}
	files := map[string][]byte{}
	for path := range strings.FieldsSeq(w.git(t, "ls-tree", "-r", "--name-only", w.head(t))) {
		if take(path) {
			data, err := repo.ReadFile(t.Context(), w.head(t), path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = data
		}
	}
	return files
}
