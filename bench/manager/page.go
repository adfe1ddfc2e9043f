package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

const (
	fewEvents  = 10_000
	pageEvents = 200
)

// page measures the reading of a page of events, in the middle of a run, with few and
// with many events in the table: half of the many are in the same run.
func page(ctx context.Context, dir string, set []string, many int) (err error) {
	w, err := newWorld(ctx, dir, 1, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	m, err := w.manager(ctx, 1, "")
	if err != nil {
		return err
	}
	defer m.close()
	made, _, err := w.store.Submit(ctx, project, run.Request{Prompt: "x"}, "", "")
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	var took [2][2][]time.Duration
	for i, n := range []int{fewEvents, many} {
		last, err := fill(ctx, c, made.ID, i, n)
		if err != nil {
			return err
		}
		if took[i], err = pages(ctx, w, m.url, c, made.ID, last); err != nil {
			return err
		}
	}
	fmt.Printf("\na page of %d events\n", pageEvents)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "of %d\tof %d\tratio\t  what\t\n", fewEvents, many)
	for way, what := range []string{"GET /v1/runs/{id}/events", "pgx, the same rows"} {
		for _, q := range []struct {
			of   float64
			name string
		}{{0.5, "median"}, {0.99, "p99"}} {
			few, all := quantile(took[0][way], q.of), quantile(took[1][way], q.of)
			fmt.Fprintf(table, "%.2f ms\t%.2f ms\t%.2f\t  %s, %s\t\n", ms(few), ms(all), ms(all)/ms(few), what, q.name)
		}
	}
	return table.Flush()
}

// fill brings the events in the table to n and gives the number of the run's last one.
func fill(ctx context.Context, c *pgx.Conn, id string, round, n int) (last int64, err error) {
	var have int
	if err := c.QueryRow(ctx, "select count(*) from events").Scan(&have); err != nil {
		return 0, err
	}
	if err := c.QueryRow(ctx, "select last_seq from runs where id = $1", id).Scan(&last); err != nil {
		return 0, err
	}
	// The run's and the others' take turns, as they do when runs go on at once.
	if _, err := c.Exec(ctx, `
		insert into events (run_id, seq, attempt, at, type, data)
		select case when n % 2 = 0 then $1::uuid else md5($2::text || (n % 500)::text)::uuid end, $3::bigint + n / 2, 1, now(), 'message.delta',
			json_build_object('itemId', 'sent-' || n, 'text', repeat('x', 80))
		from generate_series(2, $4::int + 1) n`, id, fmt.Sprint(round), last, n-have); err != nil {
		return 0, err
	}
	if err := c.QueryRow(ctx, "update runs set last_seq = (select max(seq) from events where run_id = $1) where id = $1 returning last_seq", id).Scan(&last); err != nil {
		return 0, err
	}
	_, err = c.Exec(ctx, "vacuum analyze events")
	return last, err
}

// pages reads pages by both ways, in turns.
func pages(ctx context.Context, w *world, url string, c *pgx.Conn, id string, last int64) (took [2][]time.Duration, err error) {
	const rounds = 1000
	for round := range rounds {
		after := rand.Int64N(last - pageEvents)
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/runs/%s/events?after=%d&limit=%d", url, id, after, pageEvents), nil)
		if err != nil {
			return took, err
		}
		req.Header.Set("Authorization", "Bearer "+w.user)
		n, err := size(req)
		if err != nil || n < pageEvents*50 {
			return took, fmt.Errorf("a page of %d bytes: %v", n, err)
		}
		byHTTP := time.Since(began)
		began = time.Now()
		rows, err := c.Query(ctx, "select seq, attempt, at, type, data::text from events where run_id = $1 and seq > $2 order by seq limit $3", id, after, pageEvents)
		if err != nil {
			return took, err
		}
		n = 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != pageEvents {
			return took, fmt.Errorf("%d events in a page: %v", n, err)
		}
		if round >= rounds/10 { // before that it is cold
			took[0], took[1] = append(took[0], byHTTP), append(took[1], time.Since(began))
		}
	}
	return took, nil
}
