package runner

import (
	"os"
	"testing"
)

func TestParentIn(t *testing.T) {
	own, err := os.ReadFile("/proc/self/stat")
	must(t, err)
	if got := parentIn(own); got != os.Getppid() {
		t.Errorf("the parent is %d, not %d", got, os.Getppid())
	}
	for stat, want := range map[string]int{
		"7 (sh) S 5 7 7": 5, "7 (a) S 3 (b)) R 5 7": 5, "7 (a\n) ) Z 1 0": 1,
		"": 0, "7 (sh)": 0, "7 (sh) S": 0, "7 (sh) S x": 0, "7 (sh) S -1": 0, ") ": 0,
	} {
		if got := parentIn([]byte(stat)); got != want {
			t.Errorf("the parent in %q is %d, not %d", stat, got, want)
		}
	}
}

func FuzzParentIn(f *testing.F) {
	f.Add([]byte("7 (sh) S 5 7 7"))
	f.Add([]byte("7 (a) b) S 5"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if parentIn(stat) < 0 {
			t.Errorf("%q has a parent below 0", stat)
		}
	})
}
