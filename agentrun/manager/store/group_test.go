package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// grouped has reports stored that come at once: f calls Append for each of n.
func grouped(s *Store, n int, f func(i int)) (done <-chan struct{}) {
	s.group.mu.Lock()
	s.group.writers += groupWriters // nobody begins
	s.group.mu.Unlock()
	all := make(chan struct{})
	go func() {
		together(n, f)
		close(all)
	}()
	for waiting := 0; waiting < n; {
		s.group.mu.Lock()
		waiting = len(s.group.waiting)
		s.group.mu.Unlock()
	}
	for range groupWriters {
		go s.group.write(s)
	}
	return all
}

// Each report of a group has its own answer, whatever is wrong with the others, and
// waits for nobody else's rows.
func TestEachReportOfAGroupHasItsOwnAnswer(t *testing.T) {
	s := open(t)
	good, held, twice, stranger, gap, broken := running(t, s, run.Request{}), running(t, s, run.Request{}), running(t, s, run.Request{}),
		running(t, s, run.Request{}), running(t, s, run.Request{}), running(t, s, run.Request{})
	tx, err := s.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from runs where id = $1 for update", held.ID); err != nil {
		t.Fatal(err)
	}
	type said struct {
		receipt run.Receipt
		stored  int
		err     error
	}
	all := []struct {
		run, pod string
		report   run.Report
		said     chan said
	}{
		{held.ID, pod, report(1, 2), nil},
		{good.ID, pod, report(1, 3), nil},
		{twice.ID, pod, report(1, 3), nil},
		{twice.ID, pod, report(1, 4), nil},
		{stranger.ID, "another", report(1, 1), nil},
		{gap.ID, pod, report(3, 1), nil},
		{uuid.NewString(), pod, report(1, 1), nil},
		{broken.ID, pod, report(1, 1), nil},
	}
	for i := range all {
		all[i].said = make(chan said, 1)
	}
	all[7].report.Events[0].Type = "nul\x00" // Report.Check would refuse it
	done := grouped(s, len(all), func(i int) {
		receipt, stored, err := s.Append(t.Context(), all[i].run, 1, all[i].pod, all[i].report)
		all[i].said <- said{receipt, len(stored), err}
	})
	if a := <-all[1].said; a.err != nil || a.receipt.NextEvent != 4 || a.stored != 3 {
		t.Errorf("the good one: %+v", a)
	}
	first, second := <-all[2].said, <-all[3].said
	if first.err != nil || second.err != nil || first.stored+second.stored != 4 || max(first.receipt.NextEvent, second.receipt.NextEvent) != 5 {
		t.Errorf("the one that came twice: %+v %+v", first, second)
	}
	is(t, (<-all[4].said).err, run.ErrSuperseded)
	if e, ok := errors.AsType[*GapError]((<-all[5].said).err); !ok || e.Next != 1 {
		t.Errorf("a gap: %v", e)
	}
	is(t, (<-all[6].said).err, ErrNotFound)
	if err := (<-all[7].said).err; err == nil || Unavailable(err) {
		t.Errorf("what Postgres does not take: %v", err)
	}
	select {
	case a := <-all[0].said:
		t.Errorf("it did not wait for its row: %+v", a)
	default:
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-all[0].said; a.err != nil || a.stored != 2 {
		t.Errorf("the one that waited: %+v", a)
	}
	<-done
	for id, n := range map[string]int{good.ID: 3, held.ID: 2, twice.ID: 4, stranger.ID: 0, gap.ID: 0, broken.ID: 0} {
		wantTexts(t, s, id, n)
	}
}

// Who goes before his report's turn takes it back: it is in nobody's memory then, and is
// not stored.
func TestAReportThatIsGivenUpDoesNotWait(t *testing.T) {
	s := open(t)
	r := running(t, s, run.Request{})
	s.group.mu.Lock()
	s.group.writers += groupWriters // nobody begins
	s.group.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan error)
	go func() {
		_, _, err := s.Append(ctx, r.ID, 1, pod, report(1, 1))
		said <- err
	}()
	for waiting := 0; waiting == 0; {
		s.group.mu.Lock()
		waiting = len(s.group.waiting)
		s.group.mu.Unlock()
	}
	cancel()
	is(t, <-said, context.Canceled)
	if n := len(s.group.waiting); n != 0 {
		t.Errorf("%d reports wait for nobody", n)
	}
	s.group.write(s)
	wantTexts(t, s, r.ID, 0)
}

// However reports of many runs come together, are repeated and cut, each event is stored
// once and in order, by two replicas.
func TestReportsOfManyRunsAreStoredOnce(t *testing.T) {
	dsn := newDatabase(t)
	replicas := [2]*Store{openAt(t, dsn), openAt(t, dsn)}
	const runs, senders, n = 12, 3, 60
	ids := make([]string, runs)
	next := make([]atomic.Int64, runs) // events that a receipt has confirmed
	for i := range ids {
		ids[i] = running(t, replicas[0], run.Request{}).ID
		next[i].Store(1)
	}
	together(runs*senders, func(i int) {
		r, cut := i%runs, 1+(i*7)%11
		for next[r].Load() <= n {
			first := max(1, int(next[r].Load())-cut/2)
			receipt, stored, err := replicas[i%2].Append(t.Context(), ids[r], 1, pod, report(first, min(cut, n+1-first)))
			if err != nil {
				t.Error(err)
				return
			}
			for k, e := range stored { // what is served live is what is stored
				if want := fmt.Sprintf(`{"text":"%d"}`, receipt.NextEvent-int64(len(stored)-k)); string(e.Data) != want || e.RunID != ids[r] {
					t.Errorf("event %d of %s is %s, want %s", e.Seq, e.RunID, e.Data, want)
				}
			}
			for old := next[r].Load(); receipt.NextEvent > old && !next[r].CompareAndSwap(old, receipt.NextEvent); old = next[r].Load() {
			}
		}
	})
	for _, id := range ids {
		wantTexts(t, replicas[1], id, n)
	}
}

// A group is bounded, and a report is stored however large it is.
func TestGroupsAreBounded(t *testing.T) {
	var g group
	for i := range groupReports + 1 {
		g.waiting = append(g.waiting, &pending{id: uuid.UUID{byte(i), byte(i >> 8)}})
	}
	if n := len(g.take()); n != groupReports || len(g.waiting) != 1 {
		t.Errorf("%d are taken, %d are left", n, len(g.waiting))
	}
	g.waiting = []*pending{{id: uuid.UUID{1}, size: 2 * groupBytes}, {id: uuid.UUID{2}}, {id: uuid.UUID{2}}}
	for _, want := range []int{1, 1, 1, 0} {
		if n := len(g.take()); n != want {
			t.Errorf("%d are taken, want %d", n, want)
		}
	}
}

// Rows are found by their keys, as soon as there are enough for that, and the statement
// is planned once.
func TestThePlanOfAppend(t *testing.T) {
	s := open(t)
	conn, err := s.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*pending
	for range 50 {
		p, err := newPending(running(t, s, run.Request{}).ID, 1, pod, report(1, 5))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if _, err := conn.Exec(t.Context(), "set enable_seqscan = off; analyze"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 50} {
		rows, err := conn.Query(t.Context(), "explain (costs off) "+appendPassing, appendArgs(all[:n])...)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		for _, table := range []string{"runs", "attempts"} {
			if strings.Contains(plan, "Seq Scan on "+table) || strings.Count(plan, "Index Scan using "+table+"_pkey") != 2 {
				t.Errorf("the plan for %d reports is\n%s", n, plan)
			}
		}
	}
	for i := range 20 {
		rows, err := conn.Query(t.Context(), appendPassing, appendArgs(all[:1+i%2*49])...)
		if err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	var once, anew int
	err = conn.QueryRow(t.Context(), "select generic_plans, custom_plans from pg_prepared_statements where statement = $1", appendPassing).Scan(&once, &anew)
	if err != nil || once < 10 || anew > 10 {
		t.Errorf("%d times it was planned anew, %d times not; %v", anew, once, err)
	}
	conn.Release()
}
