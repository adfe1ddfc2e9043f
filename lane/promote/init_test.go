package promote_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
)

func TestC5_InitMakesTheFirstCatalog(t *testing.T) {
	w := emptyWorld(t, 2)
	_, err := w.branch.Apply(t.Context(), w.release(w.commits[1], "api"))
	wantFail(t, err, fail.Refused, "C5", "does not exist")
	_, err = w.branch.Head(t.Context())
	wantFail(t, err, fail.Refused, "C5", "does not exist")

	dry, err := w.branch.Init(t.Context(), w.commits[0], w.firstFiles(), true)
	if err != nil || !dry.DryRun || dry.Commit != "" || w.head(t) != "" {
		t.Errorf("dry run: %+v, %v, head %q", dry, err, w.head(t))
	}
	out, err := w.branch.Init(t.Context(), w.commits[0], w.firstFiles(), false)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result != promote.Promoted || out.Commit != w.head(t) {
		t.Errorf("outcome %+v", out)
	}
	if diff := cmp.Diff([]string{"catalog", "namespace.yaml"}, w.files(t)); diff != "" {
		t.Error(diff)
	}
	if got := w.git(t, "rev-list", "--count", w.branch.Names.GitopsRef()); got != "1" {
		t.Errorf("%s commits", got)
	}
	// The first release needs no fetch, whichever commit it is of.
	apply(t, w.branch, w.release(w.commits[0], "api"), promote.Promoted)
	w.sound(t)
}

func TestC5_InitRefusesABranchThatExists(t *testing.T) {
	w := newWorld(t, 1)
	before := w.head(t)
	for _, b := range []promote.Branch{w.branch, w.elsewhere(t)} {
		_, err := b.Init(t.Context(), w.commits[0], w.firstFiles(), false)
		wantFail(t, err, fail.Refused, "C5", "exists already")
	}
	if w.head(t) != before {
		t.Error("the branch moved")
	}
}

func TestC5_InitRefusesACatalogWithServices(t *testing.T) {
	w := emptyWorld(t, 1)
	none := catalog.Empty(w.branch.Names, w.commits[0], "")
	_, err := w.branch.Init(t.Context(), w.commits[0], contentFor(w.branch.Names, none, w.commits[0], []string{"api"}), false)
	wantFail(t, err, fail.Refused, "C5", "has services")
}

// Of many at once one makes the branch; nobody overwrites it.
func TestC5_InitAtTheSameTime(t *testing.T) {
	w := emptyWorld(t, 1)
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 4 {
		b := w.elsewhere(t)
		b.Now = clock
		all.Go(func() {
			files := w.firstFiles()
			files[b.Names.RuntimePath+"/mark"] = []byte(b.Cache) // each its own commit
			_, err := b.Init(t.Context(), w.commits[0], files, false)
			mu.Lock()
			defer mu.Unlock()
			switch fail.CodeOf(err) {
			case fail.OK:
				made++
			case fail.Refused:
				refused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 3 {
		t.Errorf("%d made, %d refused", made, refused)
	}
	if got := w.git(t, "rev-list", "--count", w.branch.Names.GitopsRef()); got != "1" {
		t.Errorf("%s commits", got)
	}
}

func TestA1_RefusesATagOfTheBranchName(t *testing.T) {
	w := newWorld(t, 1)
	w.git(t, "update-ref", "refs/tags/v0.3-gitops", w.head(t))
	_, err := w.branch.Head(t.Context())
	wantFail(t, err, fail.Refused, "A1", "a tag has the name")
}
