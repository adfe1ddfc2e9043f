package main

import (
	"bytes"
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

const wanted = "-json=Dir,ImportPath,Name,Standard,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles,Deps"

// listed is what `go list` says of a package.
type listed struct {
	Dir, ImportPath, Name                                string
	Standard                                             bool
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles, Deps []string
}

// compare asks the go command and the loader what each main package below cmd is
// compiled from, in the checkout work and in the commit. An answer that differs
// is an error.
func compare(ctx context.Context, repo *git.Repo, commit, work string) (programs, packages int, err error) {
	all, err := list(ctx, work)
	if err != nil {
		return 0, 0, err
	}
	var services []intent.Service
	var mains []listed
	for _, one := range all {
		rel, err := filepath.Rel(work, one.Dir)
		if err == nil && one.Name == "main" && filepath.IsLocal(rel) {
			mains = append(mains, one)
			services = append(services, intent.Service{ID: one.ImportPath, Build: intent.Build{Go: filepath.ToSlash(rel)}})
		}
	}
	loader := plan.Loader{Repo: repo, Builder: builder}
	s, err := loader.Snapshot(ctx, commit)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	components, err := s.Components(ctx, services)
	if err != nil {
		return 0, 0, err
	}
	for i, c := range components {
		var want, got []string
		for _, dep := range append(mains[i].Deps, mains[i].ImportPath) {
			want = append(want, all[dep].files(work)...)
		}
		slices.Sort(want)
		for _, f := range c.Files {
			if base := path.Base(f.Path); base != "go.mod" && base != "go.sum" {
				got = append(got, f.Path)
			}
		}
		if want = slices.Compact(want); len(want) == 0 || !slices.Equal(want, got) {
			return 0, 0, fmt.Errorf("%s at %.12s: go list and lane differ:\n%v\n%v", c.ServiceID, commit, want, got)
		}
	}
	return len(components), len(all), nil
}

// errList says that the go command refuses the tree.
var errList = errors.New("go list refuses it")

// list is what the go command says, by import path, without the standard library.
func list(ctx context.Context, work string) (map[string]listed, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-tags=timetzdata", wanted, "./cmd/...")
	env, err := plan.GoEnvironment(ctx, "local")
	if err != nil {
		return nil, err
	}
	var words bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = work, env, &words
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
			break
		}
		if err != nil {
			return nil, err
		}
		if !one.Standard {
			all[one.ImportPath] = one
		}
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %w\n%s", errList, err, words.Bytes())
	}
	return all, nil
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
