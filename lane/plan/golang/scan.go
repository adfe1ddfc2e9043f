package golang

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"go/version"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// folder is what Go's rules make of one folder of source. It depends on nothing
// but the folder's files and the rules, so it can be kept for ever.
type folder struct {
	exists   bool // it has Go files, be they tests
	name     string
	problem  string // why it cannot be built
	goFiles  []string
	asmFiles []string
	headers  []string // included by asmFiles, in the same folder
	objects  []string // .syso
	imports  []string
	embeds   []string // patterns
	outside  []string // what asmFiles include beside headers
	asks     bool     // its constraints ask for an experiment of the toolchain
}

// rules are the build constraints' world.
type rules struct {
	minor       int      // of the language: 26 for Go 1.26
	experiments []string // the toolchain's own tags; only folders that ask need them
}

// newestKnown is the newest language version whose rules this package has: those
// of the Go that it was compiled with.
func newestKnown() string {
	if v := version.Lang(runtime.Version()); v != "" {
		return v
	}
	return "go1.9999"
}

// String names the rules, for keys.
func (r rules) String() string {
	return fmt.Sprintf("1 %s/%s %s %s go1.%d %s", goos, goarch, goamd64, tags, r.minor, strings.Join(r.experiments, " "))
}

func (r rules) context() build.Context {
	release := make([]string, r.minor)
	for i := range release {
		release[i] = "go1." + strconv.Itoa(i+1)
	}
	return build.Context{
		GOOS: goos, GOARCH: goarch, Compiler: "gc",
		BuildTags:   []string{tags},
		ToolTags:    append([]string{goarch + "." + goamd64}, r.experiments...),
		ReleaseTags: release,
	}
}

// isSource reports whether a file of this name can be part of a build. Tests
// cannot; neither can what only cgo reads.
func isSource(name string) bool {
	if strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "_test.go") {
		return false
	}
	switch path.Ext(name) {
	case ".go", ".s", ".h", ".hh", ".hpp", ".hxx", ".syso", ".f", ".F", ".for", ".f90":
		return true
	}
	return false
}

// needsContent reports whether the rules look into a file of this name.
func needsContent(name string) bool { return path.Ext(name) != ".syso" }

// scan applies the rules to the files of one folder, name to content. at is only
// used in messages.
func (r rules) scan(at string, files map[string][]byte) *folder {
	ctx := r.context()
	ctx.JoinPath, ctx.IsAbsPath = path.Join, path.IsAbs
	ctx.IsDir = func(string) bool { return true }
	ctx.HasSubdir = func(string, string) (string, bool) { return "", false }
	ctx.ReadDir = func(string) ([]fs.FileInfo, error) {
		var list []fs.FileInfo
		for name := range files {
			list = append(list, fileInfo(name))
		}
		slices.SortFunc(list, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
		return list, nil
	}
	ctx.OpenFile = func(p string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files[path.Base(p)])), nil
	}
	p, err := ctx.ImportDir(at, 0)
	f := judge(p, err)
	f.followIncludes(p.HFiles, files)
	return f
}

// judge keeps what go/build found.
func judge(p *build.Package, err error) *folder {
	f := &folder{
		name:     p.Name,
		goFiles:  p.GoFiles,
		asmFiles: p.SFiles,
		objects:  p.SysoFiles,
		imports:  p.Imports,
		embeds:   p.EmbedPatterns,
		asks:     slices.ContainsFunc(p.AllTags, func(tag string) bool { return strings.HasPrefix(tag, "goexperiment.") }),
	}
	if _, ok := errors.AsType[*build.NoGoError](err); ok || err == nil && len(p.GoFiles) == 0 {
		f.problem = "no Go file of the package is built for " + goos + "/" + goarch + " without cgo"
	} else if err != nil {
		f.problem = err.Error()
	} else if len(p.FFiles) > 0 {
		f.problem = "Fortran files need cgo, which is off: " + strings.Join(p.FFiles, " ")
	}
	return f
}

// fileInfo is a regular file that is known by its name alone.
type fileInfo string

func (f fileInfo) Name() string     { return string(f) }
func (fileInfo) Size() int64        { return 0 }
func (fileInfo) Mode() fs.FileMode  { return 0o444 }
func (fileInfo) ModTime() time.Time { return time.Time{} }
func (fileInfo) IsDir() bool        { return false }
func (fileInfo) Sys() any           { return nil }
