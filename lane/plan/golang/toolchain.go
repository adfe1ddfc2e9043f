package golang

import (
	"context"
	"go/version"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/pikasTech/agentrun/internal/fail"
)

var releasePattern = regexp.MustCompile(`^go1\.(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})|rc[1-9][0-9]?)?$`)

// toolchain is the Go release that builds the module f: the one its toolchain
// line names, as the go command takes it, so that the same commit is built by
// the same compiler everywhere. Without such a line it is the local one, asked
// for with local, or the release that the go line demands if that is newer.
func toolchain(ctx context.Context, where string, f *modfile.File, local func(context.Context) (string, error)) (string, error) {
	line := "" // the least that the go line allows
	if f.Go != nil {
		line = "go" + f.Go.Version
	}
	if f.Toolchain != nil && f.Toolchain.Name != "default" {
		name := f.Toolchain.Name
		if !isRelease(name) {
			return "", fail.Fail(where, "name a Go release, such as toolchain go1.26.8", "the toolchain line names %q", name)
		}
		if version.Compare(name, line) >= 0 {
			return name, nil
		}
		if isRelease(line) {
			return line, nil
		}
	}
	name, err := local(ctx)
	if err != nil {
		return "", err
	}
	if !isRelease(name) {
		return "", fail.Fail(where, "add a toolchain line to go.mod, such as toolchain go1.26.8", "it has no toolchain line, and the local Go is %q, which is not a release", name)
	}
	if version.Compare(name, line) >= 0 {
		return name, nil
	}
	if !isRelease(line) {
		return "", fail.Fail(where, "add a toolchain line to go.mod that names a release", "it needs %s, and the local Go is %s", line, name)
	}
	return line, nil
}

// isRelease reports whether name is a toolchain that everybody can get: since
// Go 1.21 the first release of a language version ends in .0.
func isRelease(name string) bool {
	if !releasePattern.MatchString(name) {
		return false
	}
	return strings.Contains(name, "rc") || strings.Count(name, ".") == 2 || version.Compare(name, "go1.21") < 0
}

// minor is 26 for go1.26.8.
func minor(toolchain string) int {
	_, after, _ := strings.Cut(version.Lang(toolchain), ".")
	n, _ := strconv.Atoi(after) // "" for what is no version: no release tags
	return n
}
