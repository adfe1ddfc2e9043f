// Command promote measures lane's promotion against what people do instead, in
// one process, on one machine, in turns.
//
// It builds a GitOps branch of 5,000 commits and 1,000 services on a real git
// remote over HTTP and prints, as a table, medians and their ratio to a bare
// `git push` of the very same commit: lane's promotion (which reads the head,
// compares, writes the commit and pushes), and a clone, commit and push. Then it
// lets 32 promoters go for one branch at once and prints how long each waited.
// Nothing is asserted: it is a measurement.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/promote:", err)
		os.Exit(1)
	}
}

func run() error {
	size := size{}
	flag.IntVar(&size.commits, "commits", 5000, "commits on the branch")
	flag.IntVar(&size.services, "services", 1000, "services of the lane")
	rounds := flag.Int("rounds", 21, "measured promotions")
	promoters := flag.Int("promoters", 32, "promoters at once")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "bench-promote-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := compare(ctx, dir, size, *rounds); err != nil {
		return err
	}
	return crowd(ctx, dir, *promoters)
}

// size is how large a branch is.
type size struct{ commits, services int }

// quantile of unsorted durations, q from 0 to 1.
func quantile(d []time.Duration, q float64) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[int(q*float64(len(s)-1)+0.5)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
