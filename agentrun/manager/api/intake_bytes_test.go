package api

import (
	"context"
	"net/http"
	"testing"
)

// An intake has room for so many bytes of all pods, and who leaves makes room.
func TestIntakeIsBounded(t *testing.T) {
	in := newIntake(10)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	enter := func(pod string, n int64, want bool) (leave func()) {
		t.Helper()
		ctx := t.Context()
		if !want {
			ctx = gone // it does not wait
		}
		leave, ok := in.enter(ctx, turn{"report", PodIdentity{PodUID: pod}}, n)
		if ok != want {
			t.Fatalf("%s with %d bytes: %v", pod, n, ok)
		}
		return leave
	}
	a, b := enter("a", 6, true), enter("b", 4, true)
	enter("c", 1, false)
	enter("a", 0, false)
	a()
	c := enter("c", 5, true) // that it was refused before is forgotten
	a = enter("a", 1, true)
	for _, leave := range []func(){a, b, c} {
		leave()
	}
	if enter("d", 10, true)(); len(in.taken) != 0 {
		t.Errorf("%v are still there", in.taken)
	}
}

// What says no length may be as long as can be.
func TestBodyBytes(t *testing.T) {
	for _, tt := range []struct{ length, want int64 }{{-1, 10}, {0, 0}, {9, 9}, {10, 10}, {99, 10}} {
		if got := bodyBytes(&http.Request{ContentLength: tt.length}, 10); got != tt.want {
			t.Errorf("length %d: %d bytes, want %d", tt.length, got, tt.want)
		}
	}
}
