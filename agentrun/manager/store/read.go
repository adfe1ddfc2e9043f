package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Filter says which runs List gives; zero fields ask for nothing.
type Filter struct {
	State   run.State
	Profile string
	Labels  map[string]string // all of them
	Before  string            // the id of a run: older ones only
	Limit   int               // at least 1
}

// maxListBytes bounds the prompts of a page: it may have fewer runs than asked for.
const maxListBytes = 4 << 20

// runColumns are what scanRun reads.
const runColumns = `id, project, state, cancel_asked_at is not null, reason, message, prompt, profile, labels, priority,
	attempt, max_attempts, (spec->>'deadlineSeconds')::int, coalesce(retry_of::text, ''), created_at, started_at, finished_at, last_seq`

func scanRun(row pgx.Row) (run.Run, error) {
	var r run.Run
	var id uuid.UUID
	var prompt, labels []byte
	err := row.Scan(&id, &r.Project, &r.State, &r.Cancelling, &r.Reason, &r.Message, &prompt, &r.Profile, &labels, &r.Priority,
		&r.Attempt, &r.MaxAttempts, &r.DeadlineSeconds, &r.RetryOf, &r.CreatedAt, &r.StartedAt, &r.FinishedAt, &r.LastSeq)
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Run{}, ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(labels, &r.Labels)
	}
	if err != nil {
		return run.Run{}, fmt.Errorf("reading a run: %w", err)
	}
	r.ID, r.Prompt = id.String(), string(prompt)
	r.Cancelling = r.Cancelling && !r.State.Terminal()
	r.CreatedAt = r.CreatedAt.UTC()
	for _, t := range []**time.Time{&r.StartedAt, &r.FinishedAt} {
		if *t != nil {
			utc := (*t).UTC()
			*t = &utc
		}
	}
	return r, nil
}

// Get is the run of that id, or ErrNotFound.
func (s *Store) Get(ctx context.Context, project, id string) (run.Run, error) {
	u, err := runID(id)
	if err != nil {
		return run.Run{}, err
	}
	return scanRun(s.Pool.QueryRow(ctx, `select `+runColumns+` from runs where id = $1 and ($2 = '' or project = $2)`, u, project))
}

// List gives runs, the newest first, and whether there are older ones. A page may
// be shorter than its limit when the prompts are long.
func (s *Store) List(ctx context.Context, project string, f Filter) (runs []run.Run, more bool, err error) {
	query, args, err := listQuery(project, f)
	if err != nil {
		return nil, false, err
	}
	rows, err := s.Pool.Query(ctx, query, args...)
	if err != nil {
		return nil, false, fmt.Errorf("listing runs: %w", err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, false, err
		}
		if size += len(r.Prompt); len(runs) == f.Limit || len(runs) > 0 && size > maxListBytes {
			return runs, true, nil
		}
		runs = append(runs, r)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("listing runs: %w", err)
	}
	return runs, false, nil
}

// listQuery reads a page and one run more, which says that there are others: the next one,
// or the first whose prompt is too much.
func listQuery(project string, f Filter) (query string, args []any, err error) {
	var where []string
	need := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if project != AnyProject {
		need("project = $%d", project)
	}
	if f.State != "" {
		need("state = $%d", f.State)
	}
	if f.Profile != "" {
		need("profile = $%d", f.Profile)
	}
	if len(f.Labels) > 0 {
		labels, err := json.Marshal(f.Labels)
		if err != nil {
			return "", nil, err
		}
		need("labels @> $%d::jsonb", string(labels))
	}
	if f.Before != "" {
		before, err := runID(f.Before)
		if err != nil {
			return "", nil, err
		}
		need("id < $%d", before)
	}
	if len(where) == 0 {
		where = []string{"true"}
	}
	args = append(args, f.Limit+1, maxListBytes)
	return fmt.Sprintf(`
		select %s from (
			select *, sum(octet_length(prompt)) over (order by id desc rows between unbounded preceding and 1 preceding) as before from (
				select * from runs where %s order by id desc limit $%d
			) asked
		) counted where before is null or before <= $%d order by id desc`,
		runColumns, strings.Join(where, " and "), len(args)-1, len(args)), args, nil
}

// OpenRuns counts the runs that have not ended, by state, in all projects.
func (s *Store) OpenRuns(ctx context.Context) (map[run.State]int64, error) {
	rows, err := s.Pool.Query(ctx, `
		select state, count(*) from runs where state = 'queued' group by state
		union all select state, count(*) from runs where state in ('starting', 'running') group by state`)
	if err != nil {
		return nil, fmt.Errorf("counting runs: %w", err)
	}
	counts := map[run.State]int64{run.Queued: 0, run.Starting: 0, run.Running: 0}
	var state run.State
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		counts[state] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting runs: %w", err)
	}
	return counts, nil
}
