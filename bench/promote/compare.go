package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

func benchNames() (names.Names, error) {
	return names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
}

// compare measures the three ways to bring one commit to the remote, in turns.
// Each has a remote of its own with the same history.
func compare(ctx context.Context, dir string, size size, rounds int) error {
	n, err := benchNames()
	if err != nil {
		return err
	}
	began := time.Now()
	repo, commits, err := newSource(ctx, filepath.Join(dir, "source.git"), size.commits+rounds)
	if err != nil {
		return err
	}
	r := newRelease(n, size.services, commits[0])
	var servers []*scratch.GitRemote
	for _, name := range [...]string{"promote", "push", "clone"} {
		server, err := scratch.StartGitRemote(ctx, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer server.Close()
		servers = append(servers, server)
	}
	if err := r.fill(ctx, servers[0].Dir, commits[:size.commits]); err != nil {
		return fmt.Errorf("filling the branch: %w", err)
	}
	for _, server := range servers[1:] {
		if err := os.CopyFS(filepath.Join(server.Dir, "objects"), os.DirFS(filepath.Join(servers[0].Dir, "objects"))); err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(server.Dir, "refs", "heads"), os.DirFS(filepath.Join(servers[0].Dir, "refs", "heads"))); err != nil {
			return err
		}
	}
	clone := filepath.Join(dir, "full.git") // where the bare push pushes from
	if err := command(ctx, dir, "clone", "-q", "--bare", servers[1].URL, clone); err != nil {
		return err
	}
	fmt.Printf("a branch of %d commits and %d services, made in %.1f s\n\n", size.commits, size.services, time.Since(began).Seconds())

	branch := promote.Branch{
		Names: n, Remote: git.Remote{URL: servers[0].URL}, Cache: filepath.Join(dir, "cache"),
		Source: promote.Source{Ancestor: repo.IsAncestor}, Now: time.Now,
	}
	var cold, warm, push, cloned []time.Duration
	for i := range rounds { // the newest commit each time
		branch.Source.Head = commits[size.commits+i]
		r.next(i, branch.Source.Head)
		files := r.files()
		began := time.Now()
		out, err := branch.Apply(ctx, promote.Release{
			Commit: r.catalog.SourceCommitID,
			Make:   func(context.Context, *promote.Head) (map[string][]byte, error) { return files, nil },
		})
		took := time.Since(began)
		if err != nil {
			return err
		}
		if out.Result != promote.Promoted || len(out.Changes.Changed) != 2 {
			return fmt.Errorf("round %d: %+v", i, out)
		}
		// The very same commit, to an equal remote, from a clone that has it.
		if err := command(ctx, clone, "fetch", "-q", servers[0].URL, n.GitopsRef()); err != nil {
			return err
		}
		began = time.Now()
		if err := command(ctx, clone, "push", "-q", servers[1].URL, out.Commit+":"+n.GitopsRef()); err != nil {
			return err
		}
		pushed := time.Since(began)
		began = time.Now()
		if err := cloneAndPush(ctx, filepath.Join(dir, fmt.Sprint("work", i)), servers[2].URL, n.GitopsBranch, files, out.Changes.Changed); err != nil {
			return err
		}
		cloneTook := time.Since(began)
		if i == 0 {
			cold = append(cold, took) // nothing cached yet
			continue
		}
		warm, push, cloned = append(warm, took), append(push, pushed), append(cloned, cloneTook)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "one release\tmedian\tratio\tmin\tp95\n")
	base := quantile(push, 0.5)
	for _, row := range []struct {
		name string
		d    []time.Duration
	}{
		{"git push of the same commit, bare", push},
		{"lane promote, warm", warm},
		{"lane promote, first on this machine", cold},
		{"git clone --depth 1, commit, push", cloned},
	} {
		median := quantile(row.d, 0.5)
		fmt.Fprintf(table, "%s\t%s\t%.2f×\t%s\t%s\n", row.name, ms(median), float64(median)/float64(base), ms(quantile(row.d, 0)), ms(quantile(row.d, 0.95)))
	}
	return table.Flush()
}

// cloneAndPush is what a pipeline does by hand.
func cloneAndPush(ctx context.Context, work, url, branch string, files map[string][]byte, changed []string) error {
	defer os.RemoveAll(work)
	if err := command(ctx, ".", "clone", "-q", "--depth=1", "--single-branch", "--branch", branch, url, work); err != nil {
		return err
	}
	for _, path := range changed {
		if err := os.WriteFile(filepath.Join(work, path), files[path], 0o644); err != nil {
			return err
		}
	}
	if err := command(ctx, work, "-c", "user.name=x", "-c", "user.email=x@bench", "commit", "-qam", "promote"); err != nil {
		return err
	}
	return command(ctx, work, "push", "-q", url, "HEAD:refs/heads/"+branch)
}

// command runs git as a user would.
func command(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
