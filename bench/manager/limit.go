package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// limit measures how many events a second are stored when nobody waits for anything
// but his answer, at the manager and by pgx alone. The manager's are read as well.
func limit(ctx context.Context, w *world, url string, pods []pod, l load) error {
	const connections = 16
	l.rate, l.submits, l.warm, l.measure = 0, 0, time.Second, 5*time.Second
	pods = pods[:min(100, len(pods))]
	l.runs = len(pods)
	if _, err := w.store.Pool.Exec(ctx, `create table peer (run_id uuid not null, seq bigint not null, attempt int not null, at timestamptz not null,
		type text not null, data json not null, primary key (run_id, seq))`); err != nil {
		return err
	}
	type way struct {
		what string
		do   func() (float64, error)
	}
	manager := func(report int) way {
		l.report = report
		return way{fmt.Sprintf("manager, %d runners, %d in a report", len(pods), report), func() (float64, error) {
			l.report = report
			f, err := drive(ctx, url, w.user, pods, l, func(bool) {})
			return f.events, err
		}}
	}
	ways := []way{
		{"pgx, 1 connection, a COPY and a commit for 1000 events", func() (float64, error) { return w.insert(ctx, 1, l, 1000, copyRows) }},
		{"pgx, 1 connection, an INSERT and a commit for 5 events", func() (float64, error) { return w.insert(ctx, 1, l, 5, insertRows) }},
		{fmt.Sprintf("pgx, %d connections, an INSERT and a commit for 5 events", connections), func() (float64, error) { return w.insert(ctx, connections, l, 5, insertRows) }},
		manager(1), manager(5), manager(50), manager(500),
	}
	fmt.Println("\nas fast as it goes")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "events/s\t× COPY\t  what\t")
	base := 0.0
	for i, way := range ways {
		rate, err := way.do()
		if err != nil {
			return fmt.Errorf("%s: %w", way.what, err)
		}
		if i == 0 {
			base = rate
		}
		fmt.Fprintf(table, "%.0f\t%.3f\t  %s\t\n", rate, rate/base, way.what)
	}
	return table.Flush()
}

// insert has connections store batches of rows, each in a run of its own, and gives
// rows a second.
func (w *world) insert(ctx context.Context, connections int, l load, batch int, store func(context.Context, *pgx.Conn, [][]any) error) (float64, error) {
	end := time.Now().Add(l.measure)
	stored := make([]int, connections)
	var all errgroup.Group
	for i := range connections {
		all.Go(func() error {
			c, err := pgx.Connect(ctx, w.url)
			if err != nil {
				return err
			}
			defer c.Close(context.WithoutCancel(ctx))
			id, data := uuid.New(), fmt.Sprintf(`{"itemId":"%s%d","text":"%*s"}`, sent, time.Now().UnixNano(), l.bytes, "x")
			for time.Now().Before(end) {
				rows := make([][]any, batch)
				for k := range rows {
					rows[k] = []any{[16]byte(id), stored[i] + k + 1, 1, time.Now(), string(run.MessageDelta), data}
				}
				if err := store(ctx, c, rows); err != nil {
					return err
				}
				stored[i] += batch
			}
			return nil
		})
	}
	err := all.Wait()
	sum := 0
	for _, n := range stored {
		sum += n
	}
	return float64(sum) / l.measure.Seconds(), err
}

func copyRows(ctx context.Context, c *pgx.Conn, rows [][]any) error {
	_, err := c.CopyFrom(ctx, pgx.Identifier{"peer"}, []string{"run_id", "seq", "attempt", "at", "type", "data"}, pgx.CopyFromRows(rows))
	return err
}

// insertRows is one statement with all its rows as values.
func insertRows(ctx context.Context, c *pgx.Conn, rows [][]any) error {
	text, args := "insert into peer values ", []any{}
	for i, row := range rows {
		if i > 0 {
			text += ", "
		}
		n := len(args)
		text += fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5, n+6)
		args = append(args, row...)
	}
	_, err := c.Exec(ctx, text, args...)
	return err
}
