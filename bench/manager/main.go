// Command manager measures AgentRun's manager under load: the real service in a process
// of its own, in front of a Postgres with its own defaults (every commit is synced), and
// as many runs at once as told, each with a runner that reports events and a reader of
// its live stream. Runs are submitted, dispatched, claimed and reported over HTTP as
// they are in a cluster; the API server is kubetest's, and its kubelet is this program.
//
// It prints tables, each with its peer in the same run:
//
//	live     from a runner's POST to the reader of the stream, and submitting under that
//	         load, beside a relay in memory: the same requests, connections and streams
//	         by net/http alone, which stores and checks nothing
//	limit    events a second when every runner reports as fast as it is answered, beside
//	         pgx storing the same rows: one COPY for many reports, and a commit for each
//	page     reading 200 events with few and with a million events in the table
//	database what an event costs Postgres, by its own count
//
// Nothing is asserted: it is a measurement.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/manager:", err)
		os.Exit(1)
	}
}

// load is what runners and users do.
type load struct {
	runs    int           // at once, each with a runner and a reader
	rate    int           // events a second, of all runs together; 0 is as many as are taken
	report  int           // events in a report
	bytes   int           // of text in an event
	submits int           // runs submitted a second meanwhile
	warm    time.Duration // before anything counts
	measure time.Duration
}

func command(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] { // what this program starts of itself
		case "serve":
			return serve(ctx, args[1:])
		case "relay":
			return relay(ctx)
		}
	}
	var l load
	var events int
	var profile, skip, set, where string
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.IntVar(&l.runs, "runs", 1000, "runs at once")
	flags.IntVar(&l.rate, "rate", 5000, "events a second")
	flags.IntVar(&l.report, "report", 5, "events in a report")
	flags.IntVar(&l.bytes, "bytes", 80, "bytes of text in an event")
	flags.IntVar(&l.submits, "submits", 10, "runs submitted a second meanwhile")
	flags.DurationVar(&l.warm, "warm", 5*time.Second, "load before anything counts")
	flags.DurationVar(&l.measure, "measure", 20*time.Second, "load that counts")
	flags.IntVar(&events, "events", 1_000_000, "events in the table when pages are read")
	flags.StringVar(&profile, "profile", "", "write the manager's CPU profile of the live load to this `file`")
	flags.StringVar(&skip, "skip", "", "leave out these `tables`, such as limit,page")
	flags.StringVar(&set, "set", "", "more `settings` of Postgres, such as wal_compression=on,commit_delay=1000")
	flags.StringVar(&where, "dir", "", "a `folder` for Postgres' data, such as /dev/shm to leave out the disk; that of temporary files unless told")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return measure(ctx, where, l, events, profile, strings.Split(skip, ","), strings.FieldsFunc(set, func(r rune) bool { return r == ',' }))
}
