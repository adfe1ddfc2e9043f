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
	"github.com/pikasTech/agentrun/lane/plan/archives"
	"github.com/pikasTech/agentrun/lane/plan/dockerfile"
)

// LockPath is the hand-written lock of the images that Dockerfiles build on; see
// dockerfile.ParseLock for its form.
const LockPath = "deploy/images/images.lock"

// RootsFile is the path in the build context of lane's own list of certificate
// authorities.
const RootsFile = "ca-certificates.crt"

// image is what the image builder reads.
type image struct {
	dockerfile File
	bases      map[string]string // name → reference@digest
	copies     []File
	archives   *archives.Lock // nil without
	ownRoots   bool
	hasRun     bool
}

func (img image) inputs(roots canon.Input) []canon.Input {
	in := []canon.Input{{Name: "dockerfile", Value: img.dockerfile.OID}}
	for name, reference := range img.bases {
		in = append(in, canon.Input{Name: "base " + name, Value: reference})
	}
	for _, f := range img.copies {
		in = append(in, canon.Input{Name: "copy " + f.Path, Value: f.Mode + " " + f.OID})
	}
	if img.archives != nil {
		in = append(in, img.archives.Inputs()...)
	}
	if img.ownRoots {
		in = append(in, roots)
	}
	return in
}

// image reads the service's Dockerfile and finds what it reads.
func (s *Snapshot) image(svc intent.Service) (img image, err error) {
	file := path.Clean(svc.Build.Dockerfile)
	e, ok := s.tree.Entry(file)
	if !ok {
		return img, fail.Fail(file, "commit the Dockerfile, or mend build.dockerfile", "it is not in commit %.12s", s.Commit)
	}
	if e, err = s.tree.Follow(e); err != nil {
		return img, err
	}
	data, err := s.tree.Read(file, dockerfile.MaxBytes)
	if err != nil {
		return img, err
	}
	lock, err := s.imageLock()
	if err != nil {
		return img, err
	}
	d, err := dockerfile.Parse(file, data, lock)
	if err != nil {
		return img, err
	}
	img = image{dockerfile: File{Path: file, Mode: git.ModeFile, OID: e.OID}, hasRun: d.HasRun, bases: map[string]string{}}
	for _, name := range d.Bases {
		img.bases[name] = lock[name]
	}
	if img.copies, err = s.copies(svc.Build.Inputs); err != nil {
		return img, err
	}
	if img.archives, err = s.archives(svc.Build.Archives); err != nil {
		return img, err
	}
	binary := ""
	if svc.Build.Go != "" {
		binary = svc.ID
	}
	_, committed := s.tree.Entry(RootsFile)
	img.ownRoots = !committed && slices.ContainsFunc(d.Sources, func(src dockerfile.Source) bool { return src.Path == RootsFile })
	return img, s.checkSources(img, binary, d.Sources)
}

// archives is the lock of build.archives, nil for "".
func (s *Snapshot) archives(file string) (*archives.Lock, error) {
	if file == "" {
		return nil, nil
	}
	file = path.Clean(file)
	if _, ok := s.tree.Entry(file); !ok {
		return nil, fail.Fail(file, "commit the lock, or mend build.archives", "it is not in commit %.12s", s.Commit)
	}
	data, err := s.tree.Read(file, archives.MaxBytes)
	if err != nil {
		return nil, err
	}
	return archives.Parse(file, data)
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

// copies are the files that the globs of build.inputs name, sorted by path.
func (s *Snapshot) copies(globs []string) ([]File, error) {
	var files []File
	for _, glob := range globs {
		pattern := strings.TrimPrefix(glob, "./")
		where := "build.inputs " + fmt.Sprintf("%q", glob)
		if !doublestar.ValidatePattern(pattern) || pattern != path.Clean(pattern) || path.IsAbs(pattern) || pattern == ".." || strings.HasPrefix(pattern, "../") {
			return nil, fail.Fail(where, "write a glob below the top folder, such as assets/**", "it cannot match a file of the repository")
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
				return nil, fail.Refuse("F5", e.Path, "commit the file itself, or narrow build.inputs", "a link or submodule cannot be an input of an image")
			case !utf8.ValidString(e.Path):
				return nil, fail.Refuse("F5", fmt.Sprintf("%q", e.Path), "rename the file", "its name is not UTF-8")
			case e.Path == ".dockerignore":
				return nil, fail.Refuse("F5", e.Path, "narrow build.inputs; they alone say what the build sees", "it would hide inputs from the build")
			}
			files = append(files, File{Path: e.Path, Mode: e.Mode, OID: e.OID})
		}
		if !found {
			hint := "commit the files, or mend the glob"
			if s.tree.IsDir(pattern) {
				hint = "write " + pattern + "/**: a folder alone is no file"
			}
			return nil, fail.Fail(where, hint, "it matches no file of commit %.12s", s.Commit)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(files), nil
}

// checkSources refuses a Dockerfile that would copy less than it seems to: all
// that a source means in the commit must be among the inputs, and the binary,
// which has the service's id for a name, must be used if there is one.
func (s *Snapshot) checkSources(img image, binary string, sources []dockerfile.Source) error {
	file, used := img.dockerfile.Path, binary == ""
	if i := slices.IndexFunc(img.copies, func(f File) bool {
		return binary != "" && (f.Path == binary || strings.HasPrefix(f.Path, binary+"/"))
	}); i >= 0 {
		return fail.Refuse("F5", img.copies[i].Path, "rename one of the two", "the binary %s has the same place in the build context", binary)
	}
	if i := slices.IndexFunc(img.copies, func(f File) bool { return img.archives != nil && strings.HasPrefix(f.Path, archives.Folder+"/") }); i >= 0 {
		return fail.Refuse("F5", img.copies[i].Path, "move the files", "the unpacked archives have the same place in the build context")
	}
	for _, src := range sources {
		where := fmt.Sprintf("%s:%d", file, src.Line)
		if src.Path == "." {
			used = true
			continue // the context is what the inputs say
		}
		if top, tree, _ := strings.Cut(src.Path, "/"); img.archives != nil && top == archives.Folder {
			if !slices.Contains(img.archives.Trees(), tree) {
				return fail.Refuse("F5", where, "copy "+archives.Folder+"/ and the name of a tree: "+strings.Join(img.archives.Trees(), ", "), "it copies %s, which is no tree of the archives", src.Path)
			}
			continue
		}
		if img.ownRoots && src.Path == RootsFile {
			continue
		}
		found, _ := path.Match(src.Path, binary)
		used = used || found
		for _, e := range s.meant(src.Path) {
			found = true
			if !slices.ContainsFunc(img.copies, func(f File) bool { return f.Path == e.Path }) {
				return fail.Refuse("F5", where, fmt.Sprintf("add %q to build.inputs", e.Path), "it copies %s, and the input %s is not declared", src.Path, e.Path)
			}
		}
		if !found {
			return fail.Refuse("F5", where, "copy a file of the commit that build.inputs name, or the binary by the service's id", "it copies %s, which is not in commit %.12s", src.Path, s.Commit)
		}
	}
	if !used {
		return fail.Refuse("F5", file, "add COPY "+binary+" /, or remove build.go", "it does not copy the binary %s", binary)
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
