package builder_test

import (
	"testing"
	"time"
)

// waitFor polls until what becomes true; the test's own time limit ends it.
func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for !what() {
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended first")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
