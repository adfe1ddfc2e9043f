package promote_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

const ada = "Ada <ada@example.com>"

// hold is a record that holds the lane at what is promoted.
func (w *world) hold(reason string, until time.Time) promote.Record {
	n := w.branch.Names
	return promote.Record{Verb: names.Hold, By: ada, Make: func(head *promote.Head) (map[string][]byte, []string, error) {
		data, err := metadata.NewHold(n, head.Catalog.SourceCommitID, ada, reason, clock(), until).Encode(n)
		return map[string][]byte{metadata.HoldPath(n): data}, nil, err
	}}
}

// free is a record that takes the hold away.
func (w *world) free() promote.Record {
	return promote.Record{Verb: names.ReleaseHold, By: ada, Make: func(*promote.Head) (map[string][]byte, []string, error) {
		return nil, []string{metadata.HoldPath(w.branch.Names)}, nil
	}}
}

func (w *world) record(t testing.TB, b promote.Branch, r promote.Record, want promote.Result) promote.Outcome {
	t.Helper()
	out, err := b.Record(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result != want {
		t.Fatalf("result %q, want %q", out.Result, want)
	}
	return out
}

func (w *world) unhold(t testing.TB, b promote.Branch) {
	t.Helper()
	w.record(t, b, w.free(), promote.Recorded)
}

// back makes a release one that goes back to a commit of the GitOps branch.
func (w *world) back(r promote.Release, to string) promote.Release {
	r.Rollback = &promote.Rollback{To: to, Hold: metadata.NewHold(w.branch.Names, r.Commit, ada, "going back", clock(), time.Time{})}
	return r
}

// message is that of the branch's head.
func (w *world) message(t testing.TB) string {
	t.Helper()
	return w.git(t, "log", "-1", "--format=%B", w.branch.Names.GitopsRef()) + "\n"
}

// tree is a commit's content without the lane's metadata: mode, id and path.
func (w *world) tree(t testing.TB, commit string) string {
	t.Helper()
	lines := strings.Split(w.git(t, "ls-tree", "-r", commit), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "/.lane/") }), "\n")
}

func TestAHoldKeepsOtherReleasesOut(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	other := w.elsewhere(t)
	promoted := w.head(t)
	out := w.record(t, other, w.hold("the api loses orders", time.Time{}), promote.Recorded)
	if out.Previous != promoted || out.Source != w.commits[1] || cmp.Diff(w.short(out.Changes.Added), []string{".lane/hold.json"}) != "" {
		t.Errorf("outcome %+v", out)
	}
	held := w.head(t)
	for _, b := range []promote.Branch{w.branch, other} { // the first still believes that nothing is held
		for _, make := range []promote.Release{w.release(w.commits[2], "api"), stale(w.release(w.commits[2], "api"))} {
			_, err := b.Apply(t.Context(), make)
			wantFail(t, err, fail.Refused, "", "held at "+w.commits[1][:12], ada, "the api loses orders")
			if hint := fail.HintOf(err); !strings.Contains(hint, "lane hold --release") {
				t.Errorf("hint %q", hint)
			}
		}
		// What would not change anything is no matter of the hold.
		apply(t, b, w.release(w.commits[0], "api"), promote.Superseded)
		out := apply(t, b, w.release(w.commits[1], "api"), promote.NothingToChange)
		if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "held at") {
			t.Errorf("notes %q", out.Notes)
		}
	}
	if w.head(t) != held {
		t.Fatal("the branch moved")
	}
	w.unhold(t, other)
	apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	if files := w.files(t); slices.Contains(files, ".lane/hold.json") {
		t.Errorf("files %q", files)
	}
}

// stale is a release whose plan does not stand on the head any more.
func stale(r promote.Release) promote.Release {
	r.Make = func(context.Context, *promote.Head) (map[string][]byte, error) {
		return nil, &fail.Error{Code: fail.Stale, Err: context.DeadlineExceeded, Hint: "plan again"}
	}
	return r
}

// A hold that has expired keeps nobody out, stays to be seen, and goes with the next
// promotion.
func TestAnExpiredHoldGoesWithTheNextPromotion(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	w.record(t, w.branch, w.hold("for an hour", clock().Add(time.Hour)), promote.Recorded)
	later := w.branch
	later.Now = func() time.Time { return clock().Add(time.Hour - time.Second) }
	_, err := later.Apply(t.Context(), w.release(w.commits[2], "api"))
	wantFail(t, err, fail.Refused, "", "until 2023-11-14T23:13:20Z")

	later.Now = func() time.Time { return clock().Add(time.Hour) }
	out := apply(t, later, w.release(w.commits[1], "api"), promote.NothingToChange)
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "no longer held") {
		t.Errorf("notes %q", out.Notes)
	}
	out = apply(t, later, w.release(w.commits[2], "api"), promote.Promoted)
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "no longer held") || cmp.Diff(w.short(out.Changes.Removed), []string{".lane/hold.json"}) != "" {
		t.Errorf("outcome %+v", out)
	}
	if files := w.files(t); slices.Contains(files, ".lane/hold.json") {
		t.Errorf("files %q", files)
	}
}

func TestC3_AHoldThatCannotBeReadKeepsReleasesOut(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	w.hand(t, map[string][]byte{metadata.HoldPath(w.branch.Names): []byte("stop!\n")})
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[2], "api"))
	wantFail(t, err, fail.Refused, "C3", "hold.json")
	w.unhold(t, w.branch)
	apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
}

// Held between read and push: the hold wins. Released between read and refusal: the
// release does.
func TestHoldsInARace(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	other := w.elsewhere(t)
	r := w.release(w.commits[2], "api")
	r.Preflight = func(context.Context, map[string][]byte, promote.Changes) error {
		w.record(t, other, w.hold("just now", time.Time{}), promote.Recorded)
		return nil
	}
	_, err := w.branch.Apply(t.Context(), r)
	wantFail(t, err, fail.Refused, "", "just now")
	held := w.head(t)

	r = w.release(w.commits[2], "api")
	make, once := r.Make, sync.OnceFunc(func() { w.unhold(t, other) })
	r.Make = func(ctx context.Context, head *promote.Head) (map[string][]byte, error) {
		once()
		return make(ctx, head)
	}
	if out := apply(t, w.branch, r, promote.Promoted); out.Rounds != 2 {
		t.Errorf("%d rounds", out.Rounds)
	}
	if w.head(t) == held {
		t.Error("nothing was promoted")
	}
	w.tellsPromotions(t)
}

// tellsPromotions checks that each commit that changed metadata alone changed nothing
// else and names the promotion below it.
func (w *world) tellsPromotions(t testing.TB) {
	t.Helper()
	promotion := ""
	for id := range strings.FieldsSeq(w.git(t, "rev-list", "--reverse", "--first-parent", w.branch.Names.GitopsRef())) {
		message := w.git(t, "log", "-1", "--format=%B", id) + "\n"
		below := promote.Trailer(message, promote.TrailerPromotion)
		if below == "" {
			promotion = id
			continue
		}
		if below != promotion || w.tree(t, id) != w.tree(t, promotion) || promote.Trailer(message, promote.TrailerSource) != "" {
			t.Errorf("commit %s names %s, the promotion below it is %s", id, below, promotion)
		}
	}
}

// Many promoters and many who hold and let go, at once: whoever promoted did so on a
// branch that nobody held.
func TestManyHoldsAndPromotionsAtOnce(t *testing.T) {
	const each = 6
	w := newWorld(t, each+1)
	var all sync.WaitGroup
	for _, i := range rand.Perm(each) {
		b, h := w.elsewhere(t), w.elsewhere(t)
		all.Go(func() {
			_, err := b.Apply(t.Context(), w.release(w.commits[i+1], "api"))
			if code := fail.CodeOf(err); code != fail.OK && code != fail.Stale && code != fail.Refused {
				t.Errorf("promoter %d: %v", i, err)
			}
		})
		all.Go(func() {
			for _, r := range []promote.Record{w.hold("one of many", time.Time{}), w.free()} {
				if _, err := h.Record(t.Context(), r); err != nil {
					t.Errorf("%s: %v", r.Verb, err)
				}
			}
		})
	}
	all.Wait()
	w.git(t, "fsck", "--strict", "--no-dangling")
	w.tellsPromotions(t)
	for id := range strings.FieldsSeq(w.git(t, "rev-list", "--first-parent", w.branch.Names.GitopsRef())) {
		message := w.git(t, "log", "-1", "--format=%B", id) + "\n"
		if promote.Trailer(message, promote.TrailerPromotion) == "" && strings.Contains(w.git(t, "ls-tree", "-r", "--name-only", id), "/hold.json") {
			t.Errorf("commit %s promoted over a hold", id)
		}
	}
}

// TestC2_WritesNoVerbThatCheckDoesNotKnow: what no check could find on a source branch is
// written on no branch.
func TestC2_WritesNoVerbThatCheckDoesNotKnow(t *testing.T) {
	w := newWorld(t, 1)
	r := w.hold("a new verb", time.Time{})
	r.Verb = "freeze"
	before := w.head(t)
	if _, err := w.branch.Record(t.Context(), r); err == nil || !strings.Contains(err.Error(), `"freeze" is not among the verbs`) {
		t.Errorf("error %v", err)
	}
	if w.head(t) != before {
		t.Error("a commit was made all the same")
	}
}

func TestRecordChangesMetadataAlone(t *testing.T) {
	w := newWorld(t, 2)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	promoted := w.head(t)
	n := w.branch.Names
	put := func(path string) promote.Record {
		return promote.Record{Verb: names.Hotfix, By: ada, Make: func(*promote.Head) (map[string][]byte, []string, error) {
			return map[string][]byte{path: []byte("a note\n")}, nil, nil
		}}
	}
	out := w.record(t, w.branch, put(metadata.HotfixPath(n, "note")), promote.Recorded)
	if w.tree(t, out.Commit) != w.tree(t, promoted) || promote.Trailer(w.message(t), promote.TrailerBy) != ada {
		t.Errorf("message %q", w.message(t))
	}
	w.record(t, w.elsewhere(t), put(metadata.HotfixPath(n, "note")), promote.NothingToChange)
	dry := put(metadata.HotfixPath(n, "more"))
	dry.DryRun = true
	if out := w.record(t, w.branch, dry, promote.Recorded); out.Commit != w.head(t) || !out.DryRun {
		t.Errorf("outcome %+v", out)
	}
	for _, path := range []string{n.ArtifactCatalog, n.RuntimePath + "/network.yaml", n.Metadata(), n.Metadata() + "/note", "README.md"} {
		_, err := w.branch.Record(t.Context(), put(path))
		wantFail(t, err, fail.Refused, "C3", "metadata")
		_, err = w.branch.Record(t.Context(), promote.Record{Verb: names.Hotfix, By: ada, Make: func(*promote.Head) (map[string][]byte, []string, error) {
			return nil, []string{path}, nil
		}})
		wantFail(t, err, fail.Refused, "C3", "metadata")
	}
	bad := put(metadata.HotfixPath(n, "note2"))
	bad.By = "Ada\nLane-Promotion: " + w.commits[0]
	if _, err := w.branch.Record(t.Context(), bad); err == nil || fail.HintOf(err) == "" {
		t.Errorf("a second line: %v", err)
	}
}

// A hand's commit is no promotion: what is recorded on it names it, and is no proof
// of anything better.
func TestRecordOnWhatAHandDid(t *testing.T) {
	w := newWorld(t, 2)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	hand := w.hand(t, map[string][]byte{w.branch.Names.RuntimePath + "/services/api.yaml": []byte("image: mine\n")})
	for _, reason := range []string{"once", "twice"} {
		w.record(t, w.branch, w.hold(reason, time.Time{}), promote.Recorded)
		if got := promote.Trailer(w.message(t), promote.TrailerPromotion); got != hand {
			t.Errorf("it names %s, not %s", got, hand)
		}
	}
}

// Killed at any moment, a hold is on the branch or it is not, and the next one works.
func TestKilledWhileHolding(t *testing.T) {
	w := newWorld(t, 2)
	cache := t.TempDir()
	start := time.Now()
	if out, err := runAlone(t, w, cache, "first"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	for i := range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = w.alone(cache, "try"+string(rune('a'+i)))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(whole)) // where it is by then does not matter
		if i%2 == 0 {
			killChildren(cmd.Process.Pid)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		head, err := w.elsewhere(t).Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if hold, err := head.Hold(); hold == nil || err != nil {
			t.Errorf("no hold: %v", err)
		}
	}
	if out, err := runAlone(t, w, cache, "last"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.git(t, "fsck", "--strict", "--no-dangling")
	w.tellsPromotions(t)
}

// TestARestartGoesThroughAHold: it is the same release, so a hold stays and keeps none
// of it out.
func TestARestartGoesThroughAHold(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	w.record(t, w.branch, w.hold("not today", time.Time{}), promote.Recorded)
	again := w.release(w.commits[1])
	again.Restart = "0123456789abcdef=api"
	make := again.Make
	again.Make = func(ctx context.Context, head *promote.Head) (map[string][]byte, error) {
		files, err := make(ctx, head)
		files[w.branch.Names.RuntimePath+"/services/api.yaml"] = []byte("generation: 0123456789abcdef\n")
		return files, err
	}
	out := apply(t, w.branch, again, promote.Promoted)
	w.wantChanges(t, out.Changes, nil, []string{"services/api.yaml"}, nil)
	if message := w.message(t); !strings.HasPrefix(message, "restart shop v0.3 ") || !strings.Contains(message, "\nLane-Restart: 0123456789abcdef=api\n") {
		t.Errorf("message %q", message)
	}
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[2], "api"))
	wantFail(t, err, fail.Refused, "", "not today")
}
