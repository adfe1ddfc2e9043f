package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// looks is how often Postgres is asked about the migration before it counts as silent.
const looks = 6

// watch ends the migration with giveUp when Postgres does not answer any more, or says
// that nothing is being done while an answer is waited for: the connection is dead then,
// and nobody will ever say so on it.
func (m *migration) watch(ctx context.Context, giveUp func(error)) {
	every := m.silence / looks
	for heard, missed := time.Now(), 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		if m.atWork(ctx, every) {
			heard, missed = time.Now(), 0
			continue
		}
		if missed++; missed == looks { // counted: a process that was stopped for a while has not looked
			giveUp(&StuckError{
				*m.step.Load(), fmt.Sprintf("Postgres has said nothing for %v", time.Since(heard).Round(every)),
				"see whether Postgres runs and its network carries",
			})
			return
		}
	}
}

// atWork asks Postgres, by another connection. One that it refuses proves nothing.
func (m *migration) atWork(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var yes bool
	err := m.pool.QueryRow(ctx, `select $1 = 0 or exists (select from pg_stat_activity where pid = $1
		and (coalesce(state, '') not like 'idle%' or state_change > clock_timestamp() - make_interval(secs => $2)))`,
		m.backend.Load(), limit.Seconds()).Scan(&yes)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return true // such as without a connection left: it lives, and may be at work
	}
	return err == nil && yes
}
