package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// However reports are repeated, cut and sent at once, each event is stored once and
// in order.
func TestReportsAreStoredOnce(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	const n = 400
	var next atomic.Int64 // events that a receipt has confirmed
	next.Store(1)
	rng := rand.New(rand.NewPCG(1, 2))
	cuts := make([]int, 4)
	for i := range cuts {
		cuts[i] = 1 + rng.IntN(30)
	}
	together(4, func(i int) {
		for next.Load() <= n {
			first := max(1, int(next.Load())-cuts[i]/2)
			receipt, _, err := s.Append(t.Context(), r.ID, 1, pod, report(first, min(cuts[i], n+1-first)))
			if err != nil {
				t.Error(err)
				return
			}
			for old := next.Load(); receipt.NextEvent > old && !next.CompareAndSwap(old, receipt.NextEvent); old = next.Load() {
			}
		}
	})
	wantTexts(t, s, r.ID, n)
	got, err := s.Get(t.Context(), project, r.ID)
	if err != nil || got.LastSeq != n+3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReportsWithAGap(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	if _, _, err := s.Append(t.Context(), r.ID, 1, pod, report(1, 2)); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.Append(t.Context(), r.ID, 1, pod, report(4, 1))
	if gap, ok := errors.AsType[*GapError](err); !ok || gap.Next != 3 {
		t.Errorf("got %v", err)
	}
	for _, again := range []run.Report{report(1, 2), report(1, 1), report(2, 3)} {
		if _, _, err := s.Append(t.Context(), r.ID, 1, pod, again); err != nil {
			t.Error(err)
		}
	}
	wantTexts(t, s, r.ID, 4)
}

// Data is kept as it came, but on one line; what JSON can say, Postgres can keep.
func TestEventData(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	deep := strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)
	in := report(1, 2)
	in.Events[0].Data = []byte("{ \"b\" : \"\\u0000\\n\\u2028\",\n\"a\":1e400, \"long\":\"" + strings.Repeat("x", run.MaxEventBytes-100) + "\"}")
	in.Events[1].Data = []byte(deep)
	_, stored, err := s.Append(t.Context(), r.ID, 1, pod, in)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Events(t.Context(), project, r.ID, 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stored, page.Events); diff != "" {
		t.Error(diff)
	}
	if want := `{"b":"\u0000\n\u2028","a":1e400,`; !bytes.HasPrefix(page.Events[0].Data, []byte(want)) {
		t.Errorf("it became %.60s", page.Events[0].Data)
	}
	in.Events[0].Data = []byte("{broken")
	if _, _, err := s.Append(t.Context(), r.ID, 1, pod, in); err == nil {
		t.Error("what is no JSON is taken")
	}
}

func TestOnePodSpeaksForAnAttempt(t *testing.T) {
	s := open(t)
	r := submit(t, s, run.Request{})
	_, err := s.Claim(t.Context(), r.ID, 1, pod)
	is(t, err, ErrNotFound)
	dispatch(t, s, r.ID)
	won := make([]bool, 8)
	together(len(won), func(i int) {
		_, err := s.Claim(t.Context(), r.ID, 1, string(rune('a'+i)))
		if won[i] = err == nil; err != nil {
			is(t, err, run.ErrSuperseded)
		}
	})
	winners := 0
	for i, w := range won {
		uid := string(rune('a' + i))
		_, _, err := s.Append(t.Context(), r.ID, 1, uid, report(1, 1))
		_, beat := s.Heartbeat(t.Context(), r.ID, 1, uid)
		_, _, art := s.PutArtifact(t.Context(), r.ID, 1, uid, run.Artifact{Name: "x"}, nil)
		if w {
			winners++
			is(t, errors.Join(err, beat, art), nil)
			continue
		}
		is(t, err, run.ErrSuperseded)
		is(t, beat, run.ErrSuperseded)
		is(t, art, run.ErrSuperseded)
		_, err = s.Finish(t.Context(), r.ID, 1, uid, run.Ending{State: run.Succeeded})
		is(t, err, run.ErrSuperseded)
	}
	if winners != 1 {
		t.Errorf("%d pods claimed it", winners)
	}
}

func TestAnAttemptThatWasGivenUpIsNotHeard(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{MaxAttempts: 2})
	failed := run.Ending{State: run.Failed, Reason: run.RateLimited, Message: "slow down"}
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, failed); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), project, r.ID)
	if err != nil || got.State != run.Queued || got.Reason != run.RateLimited || got.FinishedAt != nil {
		t.Errorf("%+v, %v", got, err)
	}
	late := func() {
		t.Helper()
		_, _, err := s.Append(t.Context(), r.ID, 1, pod, report(1, 1))
		is(t, err, run.ErrSuperseded)
		_, err = s.Heartbeat(t.Context(), r.ID, 1, pod)
		is(t, err, run.ErrSuperseded)
		_, err = s.Claim(t.Context(), r.ID, 1, pod)
		is(t, err, run.ErrSuperseded)
		_, _, err = s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: "x"}, nil)
		is(t, err, run.ErrSuperseded)
		// The answer to its last word may have been lost.
		if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Succeeded}); err != nil {
			t.Error(err)
		}
	}
	late()
	if _, err := s.Claim(t.Context(), r.ID, dispatch(t, s, r.ID), "pod2"); err != nil {
		t.Fatal(err)
	}
	late()
	if _, _, err := s.Append(t.Context(), r.ID, 2, "pod2", report(1, 1)); err != nil {
		t.Error(err)
	}
	if _, err := s.Finish(t.Context(), r.ID, 2, "pod2", failed); err != nil {
		t.Fatal(err)
	}
	late()
	if got, err = s.Get(t.Context(), project, r.ID); err != nil || got.State != run.Failed || got.Attempt != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	events := texts(t, s, r.ID)
	if len(events) != 1 {
		t.Errorf("%d events were stored", len(events))
	}
}

func TestArtifacts(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	about := run.Artifact{Name: "diff.patch", MediaType: "text/x-diff"}
	content := append(bytes.Repeat([]byte("x"), 100<<10), 0, 0xff)
	stored, events, err := s.PutArtifact(t.Context(), r.ID, 1, pod, about, content)
	if err != nil || len(events) != 1 || events[0].Seq != 4 || stored.Bytes != int64(len(content)) || len(stored.SHA256) != 64 {
		t.Fatalf("%+v, %+v, %v", stored, events, err)
	}
	if again, events, err := s.PutArtifact(t.Context(), r.ID, 1, pod, about, content); err != nil || len(events) > 0 || again != stored {
		t.Errorf("%+v, %+v, %v", again, events, err)
	}
	_, _, err = s.PutArtifact(t.Context(), r.ID, 1, pod, about, content[1:])
	is(t, err, ErrArtifact)
	if _, _, err := s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: "empty"}, nil); err != nil {
		t.Error(err)
	}
	for range run.MaxArtifacts {
		name := "n" + strings.Repeat("x", int(stored.Bytes)%7) + string(rune('0'+len(events)))
		events = append(events, run.Event{})
		if _, _, err = s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: name}, nil); err != nil {
			break
		}
	}
	is(t, err, ErrArtifact)
	got, err := s.Artifact(t.Context(), project, r.ID, "diff.patch", 0)
	if err != nil || got != stored {
		t.Errorf("%+v, %v", got, err)
	}
	if back, err := pieces(t, s, r.ID, got); err != nil || !bytes.Equal(back, content) {
		t.Errorf("%d bytes, %v", len(back), err)
	}
	_, err = s.Artifact(t.Context(), project, r.ID, "diff.patch", 2)
	is(t, err, ErrNotFound)
	if list, err := s.Artifacts(t.Context(), project, r.ID); err != nil || len(list) != run.MaxArtifacts {
		t.Errorf("%d artifacts, %v", len(list), err)
	}
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Succeeded}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.PutArtifact(t.Context(), r.ID, 1, pod, about, content); err != nil {
		t.Errorf("the repetition after the end: %v", err)
	}
	_, _, err = s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: "late"}, nil)
	is(t, err, run.ErrSuperseded)
	if _, _, err = s.Append(t.Context(), r.ID, 1, pod, report(1, 1)); !errors.Is(err, run.ErrSuperseded) {
		t.Errorf("an event after the end: %v", err)
	}
}

// pieces reads a file.
func pieces(t *testing.T, s *Store, id string, a run.Artifact) (all []byte, err error) {
	t.Helper()
	for first := true; first || int64(len(all)) < a.Bytes; first = false {
		piece, err := s.Piece(t.Context(), id, a, int64(len(all)))
		if err != nil {
			return all, err
		}
		all = append(all, piece...)
	}
	return all, nil
}

// A file is read in pieces, and none is of another file.
func TestPiecesOfAnArtifact(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	var files []run.Artifact
	for _, n := range []int{0, 1, PieceBytes - 1, PieceBytes, PieceBytes + 1, 3*PieceBytes + 5} {
		content := make([]byte, n)
		for i := range content {
			content[i] = byte(i * 7 >> 4)
		}
		a, _, err := s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: fmt.Sprintf("n%d", n)}, content)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := pieces(t, s, r.ID, a); err != nil || !bytes.Equal(back, content) {
			t.Errorf("of %d bytes came %d, %v", n, len(back), err)
		}
		files = append(files, a)
	}
	last := files[len(files)-1]
	if _, err := s.Pool.Exec(t.Context(), "update artifacts set content = content || 'x'::bytea, sha256 = sha256(content || 'x'::bytea) where name = $1", last.Name); err != nil {
		t.Fatal(err)
	}
	_, err := s.Piece(t.Context(), r.ID, last, PieceBytes)
	is(t, err, ErrNotFound)
	if _, err := s.Pool.Exec(t.Context(), "delete from artifacts"); err != nil {
		t.Fatal(err)
	}
	for _, a := range files {
		_, err := s.Piece(t.Context(), r.ID, a, 0)
		is(t, err, ErrNotFound)
	}
}

// What an attempt has kept takes no room of the next one's.
func TestEachAttemptKeepsItsOwnArtifacts(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{MaxAttempts: 2})
	for i := range run.MaxArtifacts {
		if _, _, err := s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: fmt.Sprint(i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := s.PutArtifact(t.Context(), r.ID, 1, pod, run.Artifact{Name: "more"}, nil)
	is(t, err, ErrArtifact)
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Failed, Reason: run.RateLimited}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(t.Context(), r.ID, dispatch(t, s, r.ID), "pod2"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.PutArtifact(t.Context(), r.ID, 2, "pod2", run.Artifact{Name: "more"}, nil); err != nil {
		t.Errorf("the second attempt: %v", err)
	}
}

// A result is of the attempt that the run ended with: what an earlier one said is no
// result of a run whose last attempt was lost.
func TestALostAttemptHasNoResult(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{MaxAttempts: 2})
	if _, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Failed, Reason: run.RateLimited, FinalMessage: "half done"}); err != nil {
		t.Fatal(err)
	}
	dispatch(t, s, r.ID)
	err := pgx.BeginFunc(t.Context(), s.Pool, func(tx pgx.Tx) error {
		_, _, err := s.transition(t.Context(), tx, uuid.MustParse(r.ID), run.Step{Kind: run.Lose, Attempt: 2, Reason: run.Unschedulable}, end{message: "no node"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Result(t.Context(), project, r.ID)
	want := run.Result{RunID: r.ID, State: run.Failed, Reason: run.Unschedulable, Message: "no node", Artifacts: []run.Artifact{}}
	if diff := cmp.Diff(want, result); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
