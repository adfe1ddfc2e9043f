package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

func measure(ctx context.Context, where string, l load, events int, profile string, skip, set []string) (err error) {
	dir, err := os.MkdirTemp(where, "bench-manager-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d processors, load before %s\n", runtime.NumCPU(), busy())
	left := func(table string) bool { return slices.Contains(skip, table) }
	if !left("page") {
		if err := inFolder(dir, "page", func(dir string) error { return page(ctx, dir, set, events) }); err != nil {
			return err
		}
	}
	return inFolder(dir, "live", func(dir string) (err error) {
		w, err := newWorld(ctx, dir, l.runs, set)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		return live(ctx, w, l, profile, !left("limit"))
	})
}

func inFolder(dir, name string, do func(dir string) error) error {
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return do(dir)
}

// live measures the load as told, at the relay and at the manager.
func live(ctx context.Context, w *world, l load, profile string, andLimit bool) error {
	peer, peerUsage, err := atRelay(ctx, w, l)
	if err != nil {
		return err
	}
	began := time.Now()
	m, err := w.manager(ctx, l.runs, profile)
	if err != nil {
		return err
	}
	defer m.close()
	pods, err := w.begin(ctx, m.url, l.runs)
	if err != nil {
		return err
	}
	fmt.Printf("%d runs submitted, dispatched and claimed in %.1f s\n", l.runs, time.Since(began).Seconds())
	var statements []statement
	service := &usage{pids: func() []int { return []int{m.Pid()} }}
	database := &usage{pids: func() []int { return children(w.postgres.Pid()) }}
	self := &usage{pids: func() []int { return []int{os.Getpid()} }}
	f, err := drive(ctx, m.url, w.user, pods, l, func(begin bool) {
		for _, u := range []*usage{service, database, self} {
			u.window(begin)
		}
		var err error
		if begin {
			err = w.forget(ctx)
		} else {
			statements, err = w.counted(ctx)
		}
		if err != nil {
			fmt.Println(err)
		}
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%d runs, each with a runner and a reader; %d events a second asked for, %d in a report, %d bytes of text each; %d submits a second; %v after %v\n",
		l.runs, l.rate, l.report, l.bytes, l.submits, l.measure, l.warm)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "manager\trelay\t× relay\t  what\t")
	row := func(format string, a, b float64, what string) {
		fmt.Fprintf(table, format+"\t"+format+"\t%.1f\t  %s\t\n", a, b, a/b, what)
	}
	row("%.0f", f.events, peer.events, "events a second, stored and read")
	for _, q := range []struct {
		of   float64
		name string
	}{{0.5, "median"}, {0.99, "p99"}, {1, "longest"}} {
		row("%.1f ms", ms(quantile(f.stream, q.of)), ms(quantile(peer.stream, q.of)), "from a runner's POST to the reader, "+q.name)
	}
	row("%.1f ms", ms(quantile(f.receipt, 0.99)), ms(quantile(peer.receipt, 0.99)), "from a runner's POST to its receipt, p99")
	row("%.1f ms", ms(quantile(f.late, 0.99)), ms(quantile(peer.late, 0.99)), "from when a report was due to its receipt, p99")
	if len(f.submit) > 0 {
		row("%.1f ms", ms(quantile(f.submit, 0.5)), ms(quantile(peer.submit, 0.5)), "submitting a run, median")
		row("%.1f ms", ms(quantile(f.submit, 0.99)), ms(quantile(peer.submit, 0.99)), "submitting a run, p99")
	}
	row("%.0f MiB", memory(m.Pid(), "VmHWM"), peerUsage.memory, "of memory at most")
	row("%.2f", service.cores, peerUsage.cores, "processors")
	fmt.Fprintf(table, "%.2f\t\t\t  processors of Postgres\t\n", database.cores)
	fmt.Fprintf(table, "%.2f\t%.2f\t\t  processors of the load itself\t\n", self.cores, peerUsage.self)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println("\nwhat Postgres did meanwhile:")
	if err := printDatabase(statements, f.events*l.measure.Seconds()); err != nil || !andLimit {
		return err
	}
	return limit(ctx, w, m.url, pods, l)
}

// relayUsage is what the relay took.
type relayUsage struct{ memory, cores, self float64 }

func atRelay(ctx context.Context, w *world, l load) (figures, relayUsage, error) {
	p, err := start(ctx, w.dir, nil, "relay")
	if err != nil {
		return figures{}, relayUsage{}, err
	}
	defer p.close()
	service := &usage{pids: func() []int { return []int{p.Pid()} }}
	self := &usage{pids: func() []int { return []int{os.Getpid()} }}
	f, err := drive(ctx, p.url, "user", relayPods(l.runs), l, func(begin bool) {
		service.window(begin)
		self.window(begin)
	})
	return f, relayUsage{memory(p.Pid(), "VmHWM"), service.cores, self.cores}, err
}

// quantile of unsorted durations, q from 0 to 1.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return s[int(q*float64(len(s)-1)+0.5)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
