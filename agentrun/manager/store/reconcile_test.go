package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// only is the one attempt that is open.
func only(t *testing.T, s *Store) OpenAttempt {
	t.Helper()
	all, err := s.Open(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func TestLoseExplains(t *testing.T) {
	tests := []struct {
		name     string
		attempts int
		cancel   bool
		reason   run.Reason
		want     run.State
	}{
		{"another attempt may help", 2, false, run.ImagePull, run.Queued},
		{"the last one", 1, false, run.ImagePull, run.Failed},
		{"nothing helps", 2, false, run.ConfigInvalid, run.Failed},
		{"cancelled", 2, true, run.RunnerLost, run.Cancelled},
		{"only cancelled", 2, true, "", run.Cancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			r := submit(t, s, run.Request{MaxAttempts: tt.attempts})
			next(t, s, plenty)
			if tt.cancel {
				if _, _, err := s.Cancel(t.Context(), project, r.ID); err != nil {
					t.Fatal(err)
				}
			}
			told := 0
			s.Changed = func(string) { told++ }
			a := only(t, s)
			state, err := s.Lose(t.Context(), a, tt.reason, "why\x00")
			if err != nil || state != tt.want || told != 1 {
				t.Errorf("%s, %v, told %d times", state, err, told)
			}
			got, err := s.Get(t.Context(), project, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			reason := tt.reason
			if tt.cancel {
				reason = ""
			}
			if got.State != tt.want || got.Reason != reason || got.Message != "why\ufffd" || (got.FinishedAt != nil) != tt.want.Terminal() {
				t.Errorf("%+v", got)
			}
			if all, err := s.Open(t.Context()); err != nil || len(all) > 0 {
				t.Errorf("%+v, %v", all, err)
			}
			_, err = s.Lose(t.Context(), a, tt.reason, "again")
			is(t, err, run.ErrSuperseded)
			_, err = s.Claim(t.Context(), r.ID, 1, pod)
			is(t, err, run.ErrSuperseded)
		})
	}
}

// Whoever judged by what is not so any more changes nothing.
func TestLoseLooksAgain(t *testing.T) {
	s := open(t)
	r := submit(t, s, run.Request{})
	next(t, s, plenty)
	seen := only(t, s)
	_, err := s.Lose(t.Context(), seen, "", "no reason")
	is(t, err, run.ErrNotNow)
	changes := []func() error{
		func() error { return s.Scheduled(t.Context(), r.ID, 1, "job") },
		func() error { _, err := s.Claim(t.Context(), r.ID, 1, pod); return err },
		func() error { _, err := s.Heartbeat(t.Context(), r.ID, 1, pod); return err },
		func() error { _, _, err := s.Append(t.Context(), r.ID, 1, pod, report(1, 1)); return err },
		func() error { _, _, err := s.Cancel(t.Context(), project, r.ID); return err },
		func() error {
			_, err := s.Finish(t.Context(), r.ID, 1, pod, run.Ending{State: run.Succeeded})
			return err
		},
	}
	for i, change := range changes {
		if err := change(); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		_, err := s.Lose(t.Context(), seen, run.RunnerLost, "too late")
		is(t, err, run.ErrSuperseded)
		if i < len(changes)-1 {
			seen = only(t, s)
		}
	}
	got, err := s.Get(t.Context(), project, r.ID)
	if err != nil || got.State != run.Succeeded {
		t.Errorf("%+v, %v", got, err)
	}
	want := []run.StateData{{State: run.Queued}, {State: run.Starting}, {State: run.Running}, {State: run.Running, Cancelling: true}, {State: run.Succeeded}}
	if diff := cmp.Diff(want, states(t, s, r.ID)); diff != "" {
		t.Error(diff)
	}
}

// What was before costs nothing: each question goes by an index of what is open.
func TestOpenCostsWhatIsOpen(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	for _, sql := range []string{
		`insert into runs (id, project, request_hash, prompt, profile, spec, labels, priority, max_attempts, state, attempt, not_before, created_at)
			select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '` + project + `', '', 'x', 'default', '{"deadlineSeconds":1}', '{}', 0, 1, 'succeeded', 1, now(), now()
			from generate_series(1, 20000) n`,
		`insert into attempts (run_id, attempt, state, job_name, created_at) select id, 1, 'ended', id::text, now() from runs`,
		`analyze`,
	} {
		if _, err := s.Pool.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		submit(t, s, run.Request{})
	}
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{openQuery, nil},
		{nextQuery, []any{s.now(), s.now(), 10}},
		{`select count(*) from runs where state in ('starting', 'running')`, nil},
	} {
		plan := explain(ctx, t, s, q.sql, q.args)
		if strings.Contains(plan, "Seq Scan on runs") || strings.Contains(plan, "Seq Scan on attempts") {
			t.Errorf("%s\n%s", q.sql, plan)
		}
	}
}

func explain(ctx context.Context, t *testing.T, s *Store, sql string, args []any) string {
	t.Helper()
	rows, err := s.Pool.Query(ctx, "explain "+sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintln(strings.Join(lines, "\n"))
}
