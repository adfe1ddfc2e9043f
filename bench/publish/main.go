// Command publish measures what it costs to publish one service and ten after a
// change of their source: whole processes, from start to end, beside ko, with the
// same registry, the same compiler and cache, and the same content below the
// program (certificate authorities alone). Both push; the lane also proves.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

const (
	services = 10
	rounds   = 7
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "once" {
		err = once(ctx, os.Args[2:])
	} else {
		err = bench(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := setUp(ctx, dir)
	if err != nil {
		return err
	}
	defer p.close()

	for _, n := range []int{1, services} {
		rows := []row{
			{what: "ko build", do: func(c string) *exec.Cmd { return p.ko(c, "-tags=timetzdata", n) }},
			{what: "ko build, linked as the lane links", do: func(c string) *exec.Cmd { return p.ko(c, `-tags=timetzdata "-ldflags=-s -w"`, n) }},
			{what: "lane, BuildKit started for the call", do: func(c string) *exec.Cmd { return p.lane("", c, n) }},
			{what: "lane, BuildKit running", do: func(c string) *exec.Cmd { return p.lane(p.host, c, n) }},
			{what: "go build alone", do: func(string) *exec.Cmd { return p.compile(n) }},
		}
		if err := p.measure(ctx, rows, n); err != nil {
			return err
		}
		fmt.Printf("%d of %d services, source changed; %d processors; median and best of %d\n", n, services, runtime.GOMAXPROCS(0), rounds)
		if err := table(rows); err != nil {
			return err
		}
	}
	return nil
}

// row is one thing that is measured.
type row struct {
	what string
	do   func(commit string) *exec.Cmd
	took []time.Duration
}

// measure runs the rows in turns, so that all see the machine in the same state,
// each on a commit of its own. The first round fills the caches and is dropped.
func (p *project) measure(ctx context.Context, rows []row, n int) error {
	for round := range rounds + 1 {
		for i := range rows {
			commit, err := p.change(ctx, n)
			if err != nil {
				return err
			}
			cmd := rows[i].do(commit)
			began := time.Now()
			out, err := cmd.CombinedOutput()
			took := time.Since(began)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", rows[i].what, err, out)
			}
			if round > 0 {
				rows[i].took = append(rows[i].took, took)
			}
		}
	}
	return nil
}

func table(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tmedian\tbest\t× ko\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f s\t%.2f s\t%.2f\t\n", r.what, median(r.took).Seconds(), slices.Min(r.took).Seconds(),
			float64(median(r.took))/float64(median(rows[0].took)))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// buildKo builds ko from its module.
func buildKo(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "ko")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/google/ko")
	cmd.Dir = filepath.Join("bench", "publish", "ko")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ko: %w\n%s", err, out)
	}
	return program, nil
}
