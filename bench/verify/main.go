// Command verify measures what looking at a lane of 1,000 services costs: lane verify,
// lane status and lane report, each as its own process, beside the bare reads that a
// verdict needs, done with client-go, net/http and git and nothing else.
//
// API server, registry and git remote are in this process and are reached over HTTP. The
// API server and the registry have their answers ready, so that what is measured is who
// asks. The verdict is looked at: a lane whose services were not all judged is no
// measurement.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench/verify:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	services := flag.Int("services", 1000, "services of the lane")
	rounds := flag.Int("rounds", 7, "measured rounds")
	flag.Parse()
	if *rounds < 1 || *services < 1 {
		return fmt.Errorf("-rounds and -services are at least 1")
	}
	dir, err := os.MkdirTemp("", "bench-verify-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(ctx, dir, *services)
	if err != nil {
		return err
	}
	defer w.close()
	page := filepath.Join(dir, "lane.html")
	rows := []row{
		{what: "the bare reads", do: func() error { return w.reads(ctx) }},
		{what: "lane verify", do: func() error { return w.verify(ctx) }},
		{what: "lane status, nothing but pods has changed", do: func() error { return w.status(ctx) }},
		{what: "lane status, nothing is remembered", do: func() error { return errors.Join(w.forget(), w.status(ctx)) }},
		{what: "lane report", do: func() error { return w.report(ctx, page) }},
	}
	if program, err := exec.LookPath("chromium"); err == nil {
		b, err := newBrowser(ctx, program, dir)
		if err != nil {
			return err
		}
		defer b.close()
		rows = append(rows, row{what: "the report drawn by Chromium", do: func() error { return b.draw(page) }})
	} else {
		fmt.Println("Chromium is missing: the report is not drawn")
	}
	for round := range *rounds + 1 { // in turns, and the first is not counted: caches are filled
		for i := range rows {
			runtime.GC()
			start := time.Now()
			if err := rows[i].do(); err != nil {
				return fmt.Errorf("%s: %w", rows[i].what, err)
			}
			if round > 0 {
				rows[i].took = append(rows[i].took, time.Since(start))
			}
		}
	}
	return tell(rows, page, *services, *rounds)
}

// row is one thing that is measured.
type row struct {
	what string
	do   func() error
	took []time.Duration
}

func tell(rows []row, page string, services, rounds int) error {
	info, err := os.Stat(page)
	if err != nil {
		return err
	}
	fmt.Printf("%d services; %d processors; median and best of %d; the report has %.0f kB\n", services, runtime.GOMAXPROCS(0), rounds, float64(info.Size())/1000)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tbest\t× reads\t  what\t")
	base := median(rows[0].took)
	for _, r := range rows {
		fmt.Fprintf(w, "%.0f ms\t%.0f ms\t%.2f\t  %s\t\n", ms(median(r.took)), ms(slices.Min(r.took)), ms(median(r.took))/ms(base), r.what)
	}
	return w.Flush()
}

func median(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
