package promote_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

// retirement takes every service of the lane away.
func (w *world) retirement(by string) promote.Retirement {
	n := w.branch.Names
	return promote.Retirement{
		By:   by,
		Hold: metadata.NewHold(n, w.commits[1], by, "the lane is retired", clock(), time.Time{}),
		Make: func(head *promote.Head) (map[string][]byte, error) {
			c := catalog.Empty(n, head.Catalog.SourceCommitID, canon.Digest([]byte("intent")))
			return withCatalog(n, c, map[string][]byte{n.RuntimePath + "/namespace.yaml": []byte("kind: Namespace\n")}), nil
		},
	}
}

func (w *world) retire(t testing.TB, b promote.Branch, r promote.Retirement, want promote.Result) promote.Outcome {
	t.Helper()
	out, err := b.Retire(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result != want {
		t.Fatalf("result %q, want %q", out.Result, want)
	}
	return out
}

// TestRetire: one commit that takes the workloads away, holds the lane and is no
// promotion; whoever does it again, on any machine, changes nothing.
func TestRetire(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api", "web"), promote.Promoted)
	w.record(t, w.branch, promote.Record{Verb: names.Hotfix, By: ada, Make: func(*promote.Head) (map[string][]byte, []string, error) {
		return map[string][]byte{w.branch.Names.Metadata() + "/hotfixes/x.json": []byte("{}\n")}, nil, nil
	}}, promote.Recorded)
	before := w.head(t)

	r := w.retirement(ada)
	r.DryRun = true
	foreseen := w.retire(t, w.branch, r, promote.Recorded)
	if w.head(t) != before || !foreseen.DryRun {
		t.Fatal("a dry run moved the branch")
	}
	r.DryRun = false
	out := w.retire(t, w.branch, r, promote.Recorded)
	w.wantChanges(t, out.Changes, []string{".lane/hold.json"}, []string{"catalog"}, []string{"services/api.yaml", "services/web.yaml"})
	if diff := cmp.Diff(foreseen.Changes, out.Changes); diff != "" {
		t.Errorf("foreseen otherwise: %s", diff)
	}
	if out.Commit != w.head(t) || out.Previous != before || w.git(t, "rev-parse", out.Commit+"~1") != before {
		t.Errorf("outcome %+v", out)
	}
	if diff := cmp.Diff([]string{".lane/hold.json", ".lane/hotfixes/x.json", "catalog", "namespace.yaml"}, w.files(t)); diff != "" {
		t.Error(diff)
	}
	if text := w.message(t); !strings.HasPrefix(text, "retire shop v0.3 "+w.commits[1][:12]) || promote.Trailer(text, promote.TrailerBy) != ada || promote.Trailer(text, promote.TrailerSource) != "" {
		t.Errorf("message %q", text)
	}
	for _, b := range []promote.Branch{w.branch, w.elsewhere(t)} {
		if again := w.retire(t, b, w.retirement("Grace"), promote.NothingToChange); again.Commit != out.Commit {
			t.Errorf("again: %+v", again)
		}
	}
	w.git(t, "fsck", "--strict", "--no-dangling")

	// Releases are kept out until somebody releases the hold; what was promoted is found.
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[2], "api"))
	wantFail(t, err, fail.Refused, "", "held at", "the lane is retired")
	if id, err := w.branch.Promotion(t.Context(), w.commits[1]); err != nil || id == out.Commit {
		t.Errorf("the promotion is %s, %v", id, err)
	}
	w.unhold(t, w.branch)
	apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
}

// A hold for good says why the lane is held, and stays; one that expires or cannot be
// read would let releases in again.
func TestRetireLeavesAHoldForGood(t *testing.T) {
	for name, tt := range map[string]struct {
		hold  []byte // nil is that of w.hold
		until time.Time
		later time.Duration // when the lane is retired
		stays bool
	}{
		"for good":   {stays: true},
		"for now":    {until: clock().Add(time.Hour)},
		"expired":    {until: clock().Add(time.Hour), later: 2 * time.Hour},
		"unreadable": {hold: []byte("{}\n")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
			path := metadata.HoldPath(w.branch.Names)
			if tt.hold != nil {
				w.hand(t, map[string][]byte{path: tt.hold})
			} else {
				w.record(t, w.branch, w.hold("the api loses orders", tt.until), promote.Recorded)
			}
			was := w.git(t, "show", w.head(t)+":"+path)
			late := w.branch
			late.Now = func() time.Time { return clock().Add(tt.later) }
			out := w.retire(t, late, w.retirement("Grace"), promote.Recorded)
			is := w.git(t, "show", w.head(t)+":"+path)
			if (is == was) != tt.stays || slices.Contains(out.Changes.Changed, path) == tt.stays {
				t.Errorf("%+v\nbefore %s\nnow %s", out.Changes, was, is)
			}
		})
	}
}

// TestRetireDecidesAgain: a head that moved meanwhile is looked at anew, and whoever
// makes the content may refuse it.
func TestRetireDecidesAgain(t *testing.T) {
	w := newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	other := w.elsewhere(t)
	seen := []string{}
	r := w.retirement(ada)
	empty := r.Make
	r.Make = func(head *promote.Head) (map[string][]byte, error) {
		seen = append(seen, head.Catalog.SourceCommitID)
		if len(seen) == 1 {
			apply(t, other, w.release(w.commits[2], "api", "web"), promote.Promoted)
		}
		return empty(head)
	}
	out := w.retire(t, w.branch, r, promote.Recorded)
	if diff := cmp.Diff([]string{w.commits[1], w.commits[2]}, seen); diff != "" || out.Source != w.commits[2] {
		t.Errorf("%s, outcome %+v", diff, out)
	}

	w = newWorld(t, 4)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	other = w.elsewhere(t)
	n := 0
	r.Make = func(head *promote.Head) (map[string][]byte, error) {
		if n++; n == 1 {
			apply(t, other, w.release(w.commits[2], "api"), promote.Promoted)
			return empty(head)
		}
		return nil, &fail.Error{Code: fail.Stale, Err: errors.New("another commit is promoted"), Hint: "look at it again"}
	}
	_, err := w.branch.Retire(t.Context(), r)
	wantFail(t, err, fail.Stale, "", "retiring the lane")
	if promoted := w.sound(t); promoted[len(promoted)-1] != w.commits[2] {
		t.Errorf("promoted %q", promoted)
	}
}

// What a retirement may put on the branch is what a release may.
func TestRetireRefuses(t *testing.T) {
	w := newWorld(t, 3)
	apply(t, w.branch, w.release(w.commits[1], "api"), promote.Promoted)
	before := w.head(t)
	n := w.branch.Names
	for rule, make := range map[string]func(files map[string][]byte){
		"C5": func(files map[string][]byte) { delete(files, n.ArtifactCatalog) },
		"D4": func(files map[string][]byte) { files["README.md"] = nil },
		"C3": func(files map[string][]byte) { files[n.Metadata()+"/x"] = nil },
		"F4": func(files map[string][]byte) {
			withCatalog(n, catalog.Empty(n, w.commits[2], canon.Digest(nil)), files)
		},
	} {
		r := w.retirement(ada)
		empty := r.Make
		r.Make = func(head *promote.Head) (map[string][]byte, error) {
			files, err := empty(head)
			make(files)
			return files, err
		}
		_, err := w.branch.Retire(t.Context(), r)
		wantFail(t, err, fail.Refused, rule, "retiring the lane")
	}
	if w.head(t) != before {
		t.Error("the branch moved")
	}
	gone := w.elsewhere(t)
	w.git(t, "update-ref", "-d", n.GitopsRef())
	_, err := gone.Retire(t.Context(), w.retirement(ada))
	wantFail(t, err, fail.Refused, "C5", "does not exist")
}
