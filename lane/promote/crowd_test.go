package promote_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/promote"
)

// Many promoters at once, on machines of their own and on one and the same:
// each ends promoted or superseded, and the branch tells the whole story.
func TestManyPromotersAtOnce(t *testing.T) {
	const promoters = 12
	w := newWorld(t, promoters+1)
	results := make([]promote.Result, promoters+1)
	var all sync.WaitGroup
	for _, i := range rand.Perm(promoters) {
		b := w.branch // every third shares a machine
		if i%3 != 0 {
			b = w.elsewhere(t)
		}
		all.Go(func() {
			out, err := b.Apply(t.Context(), w.release(w.commits[i+1], "api"))
			if code := fail.CodeOf(err); code != fail.OK && code != fail.Stale {
				t.Errorf("promoter %d: %v", i, err)
			}
			results[i+1] = out.Result
		})
	}
	all.Wait()
	promoted := w.sound(t)
	for i, result := range results[1:] {
		there := slices.Contains(promoted, w.commits[i+1])
		if result == promote.Promoted != there || !there && result != promote.Superseded {
			t.Errorf("commit %d is %q, on the branch: %v", i+1, result, there)
		}
	}
	if last := promoted[len(promoted)-1]; last != w.commits[promoters] {
		t.Errorf("the branch ends with %s, not with the newest commit", last)
	}
}
