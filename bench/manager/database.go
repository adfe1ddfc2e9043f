package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
)

// statement is what Postgres counted of one statement.
type statement struct {
	Query     string
	Calls     int64
	Plans     int64
	Rows      int64
	Milli     float64 // executing and planning, in all
	Blocks    int64   // pages that were found or read
	WALBytes  float64
	WALImages int64 // whole pages among them
}

const countedQuery = `
select query, calls, plans, rows, total_exec_time + total_plan_time, shared_blks_hit + shared_blks_read, wal_bytes::float8, wal_fpi
from pg_stat_statements s join pg_database d on d.oid = s.dbid
where d.datname = current_database() and calls > 0 and query not like '%pg_stat_statements%' order by 4 desc`

func (w *world) forget(ctx context.Context) error {
	_, err := w.store.Pool.Exec(ctx, "select pg_stat_statements_reset()")
	return err
}

func (w *world) counted(ctx context.Context) ([]statement, error) {
	rows, err := w.store.Pool.Query(ctx, countedQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[statement])
}

var spaces = regexp.MustCompile(`\s+`)

// printDatabase prints what Postgres did for that many events.
func printDatabase(all []statement, events float64) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "calls\tplanned\teach\tpages each\t× 1000 events\tWAL/event\timages\tstatement\t")
	var sum statement
	for i, s := range all {
		sum.Calls, sum.Milli, sum.WALBytes, sum.WALImages = sum.Calls+s.Calls, sum.Milli+s.Milli, sum.WALBytes+s.WALBytes, sum.WALImages+s.WALImages
		if i >= 10 {
			continue
		}
		text := strings.TrimSpace(spaces.ReplaceAllString(s.Query, " "))
		if len(text) > 70 {
			text = text[:70] + "…"
		}
		calls := float64(s.Calls)
		fmt.Fprintf(table, "%d\t%d\t%.2f ms\t%.0f\t%.1f\t%.0f B\t%d\t%s\t\n",
			s.Calls, s.Plans, s.Milli/calls, float64(s.Blocks)/calls, 1000*calls/events, s.WALBytes/events, s.WALImages, text)
	}
	fmt.Fprintf(table, "%d\t\t%.0f µs/event\t\t%.1f\t%.0f B\t%d\tall\t\n",
		sum.Calls, 1000*sum.Milli/events, 1000*float64(sum.Calls)/events, sum.WALBytes/events, sum.WALImages)
	return table.Flush()
}
