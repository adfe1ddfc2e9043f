package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/promote"
)

// crowd lets promoters, each on a machine of its own, go for one branch at once.
func crowd(ctx context.Context, dir string, promoters int) error {
	n, err := benchNames()
	if err != nil {
		return err
	}
	server, err := scratch.StartGitRemote(ctx, filepath.Join(dir, "crowd"))
	if err != nil {
		return err
	}
	defer server.Close()
	repo, commits, err := newSource(ctx, filepath.Join(dir, "crowd-source.git"), promoters+1)
	if err != nil {
		return err
	}
	branch := promote.Branch{
		Names: n, Remote: git.Remote{URL: server.URL}, Cache: filepath.Join(dir, "init"),
		Source: promote.Source{Head: commits[promoters], Ancestor: repo.IsAncestor}, Now: time.Now,
	}
	first := newRelease(n, 10, commits[0])
	first.catalog.Services = []catalog.Service{}
	if _, err := branch.Init(ctx, first.catalog.SourceCommitID, first.files(), false); err != nil {
		return err
	}

	var (
		all                  sync.WaitGroup
		mu                   sync.Mutex
		took                 []time.Duration
		promoted, superseded int
		rounds, most         int
		failed               error
	)
	began := time.Now()
	for _, i := range rand.Perm(promoters) {
		b := branch
		b.Cache = filepath.Join(dir, fmt.Sprint("machine", i))
		r := newRelease(n, 10, commits[i+1])
		files := r.files()
		all.Go(func() {
			began := time.Now()
			out, err := b.Apply(ctx, promote.Release{
				Commit: r.catalog.SourceCommitID,
				Make:   func(context.Context, *promote.Head) (map[string][]byte, error) { return files, nil },
			})
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
			rounds, most = rounds+out.Rounds, max(most, out.Rounds)
			switch fail.CodeOf(err) {
			case fail.OK:
				promoted++
			case fail.Stale:
				superseded++
			default:
				failed = err
			}
		})
	}
	all.Wait()
	if failed != nil {
		return failed
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\n%d promoters at once\tp50\tp95\tall done\tpromoted\tsuperseded\trounds\tmost rounds\n", promoters)
	fmt.Fprintf(table, "own machine each, nothing cached\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n",
		ms(quantile(took, 0.5)), ms(quantile(took, 0.95)), ms(time.Since(began)), promoted, superseded, rounds, most)
	return table.Flush()
}
