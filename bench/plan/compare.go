package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
)

const wanted = "-json=Dir,ImportPath,Standard,Module,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles,Deps"

// listed is what `go list` says of a package.
type listed struct {
	Dir, ImportPath                                      string
	Standard                                             bool
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles, Deps []string
}

func mains() []intent.Service {
	return declare().Services
}

// compare asks the go command and the loader what each service is compiled from,
// in the checkout and in the commit, and gives the number of packages. An answer
// that differs is an error.
func compare(ctx context.Context, repo *git.Repo, commit, work string, services []intent.Service) (int, error) {
	packages, err := list(ctx, work)
	if err != nil {
		return 0, err
	}
	loader := plan.Loader{Repo: repo, Builder: builder}
	s, err := loader.Snapshot(ctx, commit)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	components, err := s.Components(ctx, services)
	if err != nil {
		return 0, err
	}
	for i, c := range components {
		var want, got []string
		main := packages[filepath.Join(work, services[i].Build.Go)]
		for _, dep := range append(main.Deps, main.ImportPath) {
			want = append(want, packages[dep].files(work)...)
		}
		slices.Sort(want)
		for _, f := range c.Files {
			if base := path.Base(f.Path); base != "go.mod" && base != "go.sum" {
				got = append(got, f.Path)
			}
		}
		if want = slices.Compact(want); len(want) == 0 || !slices.Equal(want, got) {
			return 0, fmt.Errorf("%s: go list and lane differ:\n%v\n%v", c.ServiceID, want, got)
		}
	}
	return len(packages) / 2, nil
}

// list is what the go command says, by import path and by folder, without the
// standard library.
func list(ctx context.Context, work string) (map[string]listed, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-tags=timetzdata", wanted, "./cmd/...")
	env, err := plan.GoEnvironment(ctx, "local")
	if err != nil {
		return nil, err
	}
	cmd.Dir, cmd.Env = work, env
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	all := map[string]listed{}
	dec := jsontext.NewDecoder(out)
	for {
		var one listed
		err := json.UnmarshalDecode(dec, &one)
		if errors.Is(err, io.EOF) {
			return all, cmd.Wait()
		}
		if err != nil {
			return nil, err
		}
		if !one.Standard {
			all[one.ImportPath], all[one.Dir] = one, one
		}
	}
}

// files are the package's files in the checkout, relative to its top.
func (l listed) files(work string) []string {
	var all []string
	for _, name := range slices.Concat(l.GoFiles, l.SFiles, l.HFiles, l.SysoFiles, l.EmbedFiles) {
		if rel, err := filepath.Rel(work, filepath.Join(l.Dir, name)); err == nil && filepath.IsLocal(rel) {
			all = append(all, filepath.ToSlash(rel))
		}
	}
	return all
}
