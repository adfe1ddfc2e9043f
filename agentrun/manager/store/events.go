package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Page is a piece of a run's events.
type Page struct {
	Events []run.Event
	Last   int64 // the number of the last one, or what was asked to come after
	More   bool  // there are events after Last already
	Ended  bool  // the run has ended, and nothing comes after Last
}

// maxPageBytes bounds the data of a page: it may have fewer events than asked for.
const maxPageBytes = 1 << 20

// pageQuery reads a page by the primary key alone. It ends with the first event that is
// too much, because what it gives beyond that comes here all the same.
const pageQuery = `
select seq, attempt, at, type, data from (
	select *, sum(octet_length(data)) over (order by seq rows between unbounded preceding and 1 preceding) as before from (
		select seq, attempt, at, type, data::text as data from events where run_id = $1 and seq > $2 order by seq limit $3
	) asked
) counted where before is null or before <= $4 order by seq`

// Events gives the events that come after one of that number, 0 for all, in order
// and without a gap. A page may be shorter than its limit when events are large; the
// next page begins after Last.
func (s *Store) Events(ctx context.Context, project, id string, after int64, limit int) (Page, error) {
	u, err := runID(id)
	if err != nil {
		return Page{}, err
	}
	// The state is read first: a terminal one has no event after it.
	var state run.State
	var last int64
	err = s.Pool.QueryRow(ctx, `select state, last_seq from runs where id = $1 and ($2 = '' or project = $2)`, u, project).Scan(&state, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return Page{}, ErrNotFound
	}
	if err != nil {
		return Page{}, fmt.Errorf("reading events: %w", err)
	}
	if after >= last {
		return Page{Last: after, Ended: state.Terminal()}, nil
	}
	page, err := s.page(ctx, u, after, limit)
	page.More = page.Last < last
	page.Ended = state.Terminal() && !page.More
	return page, err
}

func (s *Store) page(ctx context.Context, id uuid.UUID, after int64, limit int) (Page, error) {
	page := Page{Last: after}
	rows, err := s.Pool.Query(ctx, pageQuery, id, after, limit, maxPageBytes)
	if err != nil {
		return page, fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e := run.Event{RunID: id.String()}
		if err := rows.Scan(&e.Seq, &e.Attempt, &e.Time, &e.Type, (*[]byte)(&e.Data)); err != nil {
			return page, fmt.Errorf("reading events: %w", err)
		}
		e.Time = e.Time.UTC()
		page.Events, page.Last = append(page.Events, e), e.Seq
	}
	if err := rows.Err(); err != nil {
		return page, fmt.Errorf("reading events: %w", err)
	}
	return page, nil
}

// LastSeqs gives the number of the last event of each run, in one question.
func (s *Store) LastSeqs(ctx context.Context, ids []string) (map[string]int64, error) {
	rows, err := s.Pool.Query(ctx, `select id::text, last_seq from runs where id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading what has changed: %w", err)
	}
	last := make(map[string]int64, len(ids))
	var id string
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&id, &seq}, func() error {
		last[id] = seq
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what has changed: %w", err)
	}
	return last, nil
}
