// Command plan measures lane plan on a generated project of 1,000 services: whole
// processes, from start to end, beside `go list -deps -json` on the same tree.
// Before it measures, it compares the answers of both for every service, and
// fails when one differs.
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
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
)

const rounds = 7

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case len(os.Args) == 1:
		err = bench(ctx)
	case len(os.Args) == 6 && os.Args[1] == "once":
		err = once(ctx, os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	default:
		err = fmt.Errorf("it takes no arguments")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-plan-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := setUp(ctx, dir)
	if err != nil {
		return err
	}
	programs, packages, err := compare(ctx, p.repo, p.changed, p.work)
	if err != nil {
		return err
	}
	if programs != services {
		return fmt.Errorf("go list knows %d programs, want %d", programs, services)
	}
	fmt.Printf("%d services, %d files, %d packages; one file changed; %d processors; median and best of %d\n",
		services, p.files, packages, runtime.GOMAXPROCS(0), rounds)
	if err := p.measure(ctx); err != nil {
		return err
	}
	if err := replay(ctx, dir); err != nil {
		return err
	}
	return overBuild(ctx)
}

// row is one thing to measure; prepare is not.
type row struct {
	what    string
	prepare func() error
	command func() *exec.Cmd
	check   func(out []byte) error
}

func (p *project) rows(ctx context.Context) []row {
	lane := func(repo, rev string, cache func() string, builds int) row {
		return row{
			command: func() *exec.Cmd {
				return exec.CommandContext(ctx, p.self, "once", repo, rev, cache(), p.released)
			},
			check: func(out []byte) error { return built(out, builds) },
		}
	}
	list := func(args ...string) row {
		return row{command: func() *exec.Cmd {
			cmd := exec.CommandContext(ctx, "go", append(append([]string{"list", "-deps"}, args...), "./cmd/...")...)
			cmd.Dir, cmd.Env = p.work, p.goEnv
			return cmd
		}}
	}
	scratch := filepath.Join(p.dir, "cache")
	empty := func() error { return os.RemoveAll(scratch) }
	filled := func() error { return replace(scratch, p.cache) }
	name := func(r row, what string, prepare func() error) row {
		r.what, r.prepare = what, prepare
		return r
	}
	at := func() string { return scratch }
	return []row{
		name(lane(p.repo.GitDir, p.changed, at, 1), "lane plan, warm", filled),
		name(lane(p.repo.GitDir, p.changed, at, 1), "lane plan, cold", empty),
		name(lane(p.repo.GitDir, p.base, at, 0), "lane plan, warm, nothing changed", filled),
		name(lane(p.deep.GitDir, p.deepChanged, at, 1), "lane plan, warm, after 5,000 more commits", filled),
		name(list(wanted), "go list -deps -json, only the fields that are needed", nil),
		name(list("-json"), "go list -deps -json", nil),
	}
}

func (p *project) measure(ctx context.Context) error {
	rows := p.rows(ctx)
	took := make([][]time.Duration, len(rows))
	for range rounds { // in turns, so that all rows see the machine in the same state
		for i, r := range rows {
			if r.prepare != nil {
				if err := r.prepare(); err != nil {
					return err
				}
			}
			cmd := r.command()
			cmd.Stderr = os.Stderr
			start := time.Now()
			out, err := cmd.Output()
			took[i] = append(took[i], time.Since(start))
			if err == nil && r.check != nil {
				err = r.check(out)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.what, err)
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median\tbest\t× warm\t  what\t")
	for i, r := range rows {
		slices.Sort(took[i])
		median, warm := took[i][rounds/2], took[0][rounds/2]
		fmt.Fprintf(w, "%.0f ms\t%.0f ms\t%.1f\t  %s\t\n", ms(median), ms(took[i][0]), ms(median)/ms(warm), r.what)
	}
	return w.Flush()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// built checks that a plan builds as many services as it should.
func built(out []byte, want int) error {
	p, err := plan.Parse("plan", out, names.Names{Project: projectName, Lane: laneName})
	if err != nil {
		return err
	}
	if got := p.ToBuild(); len(got) != want {
		return fmt.Errorf("%d services are built, want %d: %v", len(got), want, got)
	}
	return nil
}
