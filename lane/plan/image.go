package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan/dockerfile"
)

// addDockerfile adds what the image builder reads.
func (s *Snapshot) addDockerfile(c *Component, svc intent.Service) error {
	file := path.Clean(svc.Build.Dockerfile)
	e, ok := s.tree.Entry(file)
	if !ok {
		return fail.Fail(file, "commit the Dockerfile, or mend build.dockerfile", "it is not in commit %.12s", s.Commit)
	}
	e, err := s.tree.Follow(e)
	if err != nil {
		return err
	}
	data, err := s.tree.Read(file, dockerfile.MaxBytes)
	if err != nil {
		return err
	}
	lock, err := s.imageLock()
	if err != nil {
		return err
	}
	d, err := dockerfile.Parse(file, data, lock)
	if err != nil {
		return err
	}
	c.Dockerfile, c.HasRun, c.Bases = File{Path: file, Mode: git.ModeFile, OID: e.OID}, d.HasRun, map[string]string{}
	c.Inputs = append(c.Inputs, canon.Input{Name: "dockerfile", Value: e.OID})
	for _, name := range d.Bases {
		c.Bases[name] = lock[name]
		c.Inputs = append(c.Inputs, canon.Input{Name: "base " + name, Value: lock[name]})
	}
	if err := s.addCopies(c, svc.Build.Inputs); err != nil {
		return err
	}
	return s.checkSources(c, file, d.Sources)
}

func (s *Snapshot) imageLock() (dockerfile.Lock, error) {
	if s.lock != nil {
		return s.lock, nil
	}
	lock := dockerfile.Lock{}
	if _, ok := s.tree.Entry(LockPath); ok {
		data, err := s.tree.Read(LockPath, dockerfile.MaxBytes)
		if err != nil {
			return nil, err
		}
		if lock, err = dockerfile.ParseLock(LockPath, data); err != nil {
			return nil, err
		}
	}
	s.lock = lock
	return lock, nil
}

// addCopies adds the files that the globs of build.inputs name.
func (s *Snapshot) addCopies(c *Component, globs []string) error {
	for _, glob := range globs {
		pattern := strings.TrimPrefix(glob, "./")
		where := "build.inputs " + fmt.Sprintf("%q", glob)
		if !doublestar.ValidatePattern(pattern) || pattern != path.Clean(pattern) || path.IsAbs(pattern) || pattern == ".." || strings.HasPrefix(pattern, "../") {
			return fail.Fail(where, "write a glob below the top folder, such as assets/**", "it cannot match a file of the repository")
		}
		base, _ := doublestar.SplitPattern(pattern)
		found := false
		candidates := s.tree.Below(base)
		if e, ok := s.tree.Entry(pattern); ok {
			candidates = []git.Entry{e}
		}
		for _, e := range candidates {
			if ok, _ := doublestar.Match(pattern, e.Path); !ok {
				continue
			}
			found = true
			switch {
			case e.Mode == git.ModeSymlink, e.Mode == git.ModeSubmodule:
				return fail.Refuse("F5", e.Path, "commit the file itself, or narrow build.inputs", "a link or submodule cannot be an input of an image")
			case !utf8.ValidString(e.Path):
				return fail.Refuse("F5", fmt.Sprintf("%q", e.Path), "rename the file", "its name is not UTF-8")
			case e.Path == ".dockerignore":
				return fail.Refuse("F5", e.Path, "narrow build.inputs; they alone say what the build sees", "it would hide inputs from the build")
			}
			c.Copies = append(c.Copies, File{Path: e.Path, Mode: e.Mode, OID: e.OID})
		}
		if !found {
			return fail.Fail(where, "commit the files, or mend the glob", "it matches no file of commit %.12s", s.Commit)
		}
	}
	slices.SortFunc(c.Copies, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	c.Copies = slices.Compact(c.Copies)
	for _, f := range c.Copies {
		c.Inputs = append(c.Inputs, canon.Input{Name: "copy " + f.Path, Value: f.Mode + " " + f.OID})
	}
	return nil
}

// checkSources refuses a Dockerfile that would copy less than it seems to: all
// that a source means in the commit must be among the inputs, and the binary
// must be used.
func (s *Snapshot) checkSources(c *Component, file string, sources []dockerfile.Source) error {
	binary := c.Package == "" // whether it is copied, if there is one
	if i := slices.IndexFunc(c.Copies, func(f File) bool {
		return f.Path == c.ServiceID || strings.HasPrefix(f.Path, c.ServiceID+"/")
	}); i >= 0 && !binary {
		return fail.Refuse("F5", c.Copies[i].Path, "rename one of the two", "the binary %s has the same place in the build context", c.ServiceID)
	}
	for _, src := range sources {
		where := fmt.Sprintf("%s:%d", file, src.Line)
		if src.Path == "." {
			binary = true
			continue // the context is what the inputs say
		}
		found := false
		if ok, _ := path.Match(src.Path, c.ServiceID); ok && c.Package != "" {
			binary, found = true, true
		}
		for _, e := range s.meant(src.Path) {
			found = true
			if !slices.ContainsFunc(c.Copies, func(f File) bool { return f.Path == e.Path }) {
				return fail.Refuse("F5", where, fmt.Sprintf("add %q to build.inputs", e.Path), "it copies %s, and the input %s is not declared", src.Path, e.Path)
			}
		}
		if !found {
			return fail.Refuse("F5", where, "copy a file of the commit that build.inputs name, or the binary by the service's id", "it copies %s, which is not in commit %.12s", src.Path, s.Commit)
		}
	}
	if !binary {
		return fail.Refuse("F5", file, "add COPY "+c.ServiceID+" /, or remove build.go", "it does not copy the binary %s", c.ServiceID)
	}
	return nil
}

// meant are the files of the commit that a COPY source stands for.
func (s *Snapshot) meant(source string) []git.Entry {
	if !strings.ContainsAny(source, "*?[") {
		if e, ok := s.tree.Entry(source); ok {
			return []git.Entry{e}
		}
		return s.tree.Below(source)
	}
	var found []git.Entry
	for _, e := range s.tree.Below(".") {
		for at := e.Path; at != "."; at = path.Dir(at) {
			if ok, _ := path.Match(source, at); ok {
				found = append(found, e)
				break
			}
		}
	}
	return found
}
