package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

func TestPlanOfAppend(t *testing.T) {
	s := open(t)
	const runs = 1000
	ids := make([]string, runs)
	for i := range ids {
		ids[i] = running(t, s, run.Request{}).ID
	}
	for round := range 3 {
		for _, q := range []string{appendPassing} {
			for _, n := range []int{1, 10, 100} {
				var all []*pending
				for _, id := range ids[:n] {
					p, err := newPending(id, 1, pod, report(1, 5))
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, p)
				}
				args := appendArgs(all)
				tx, err := s.Pool.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				rows, err := tx.Query(t.Context(), "explain (analyze, buffers, wal) "+q, args...)
				if err != nil {
					t.Fatal(err)
				}
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					t.Fatal(err)
				}
				fmt.Println(round, n, strings.Join(lines, "\n"))
				tx.Rollback(t.Context())
			}
		}
	}
}
