package api_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// numbers are those of the events that Follow gives, and its error. After each one
// it calls seen.
func numbers(ctx context.Context, r *replica, project, id string, last int64, seen func(int64)) (all []int64, err error) {
	for e, err := range r.hub.Follow(ctx, project, id, last) {
		if err != nil {
			return all, err
		}
		all = append(all, e.Seq)
		seen(e.Seq)
	}
	return all, nil
}

// TestFollow: who follows a run at another replica than its runner speaks to has each
// event once and in order, and ends with the run.
func TestFollow(t *testing.T) {
	dsn := newDatabase(t)
	here, there := startAt(t, dsn), startAt(t, dsn)
	id, pod := here.running() // 3 events
	want[run.Receipt](t, here.do("POST", "/runner/v1/events", pod, report(1, 700)), 200)
	got, err := numbers(t.Context(), there, "shop", id, 1, func(seq int64) {
		if seq == 703 {
			want[run.Receipt](t, here.do("POST", "/runner/v1/events", pod, report(701, 3)), 200)
			want[run.Receipt](t, here.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}), 200)
		}
	})
	if err != nil || len(got) != 706 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i, seq := range got {
		if seq != int64(i+2) {
			t.Fatalf("%v", got)
		}
	}
	if got, err := numbers(t.Context(), there, "shop", id, 707, nil); err != nil || got != nil {
		t.Errorf("after the end: %v, %v", got, err)
	}
	if _, err := numbers(t.Context(), there, "other", id, 0, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of another project: %v", err)
	}
}

// TestFollowEnds with its context, and with the replica.
func TestFollowEnds(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	ctx, cancel := context.WithCancel(t.Context())
	if got, err := numbers(ctx, r, "shop", id, 0, func(int64) { cancel() }); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := numbers(t.Context(), r, "shop", id, 0, func(int64) { r.hub.Close() }); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
