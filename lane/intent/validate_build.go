package intent

import (
	"io/fs"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// goFolder is a folder of the source tree as the go command takes it. "..." and
// flags are not.
var goFolder = regexp.MustCompile(`^\.(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)

func (v *serviceValidator) build() {
	b, at := v.s.Build, member(v.at, "build")
	if b.Go == "" && b.Dockerfile == "" {
		v.add(at, "D1", "write `go` with the folder of a main package, or `dockerfile`", "the build makes nothing")
	}
	if b.Go != "" && (!goFolder.MatchString(b.Go) || strings.Contains(b.Go, "..")) {
		v.add(member(at, "go"), "D1", "write a folder of the source tree such as ./cmd/api", "%s is no folder of the source tree", v.quote(b.Go))
	}
	if b.Dockerfile != "" && !isSourcePath(b.Dockerfile) {
		v.add(member(at, "dockerfile"), "D1", "write a path of the source tree such as deploy/images/api.Dockerfile", "%s is no path of the source tree", v.quote(b.Dockerfile))
	}
	switch {
	case b.Dockerfile == "" && len(b.Inputs) > 0:
		v.add(member(at, "inputs"), "D1", "remove it, or name the Dockerfile that copies them", "lane's own Dockerfile copies no files")
	case b.Dockerfile == "" && b.Archives != "":
		v.add(member(at, "archives"), "D1", "remove it, or name the Dockerfile that copies them", "lane's own Dockerfile copies no archives")
	case b.Dockerfile != "" && b.Go == "" && len(b.Inputs) == 0 && b.Archives == "":
		v.add(at, "D1", "list in `inputs` the globs of the files that the Dockerfile copies", "nothing says which files change the image")
	}
	if b.Archives != "" && !isSourcePath(b.Archives) {
		v.add(member(at, "archives"), "D1", "write a path of the source tree such as deploy/images/api.lock", "%s is no path of the source tree", v.quote(b.Archives))
	}
	v.distinctStrings("glob", member(at, "inputs"), b.Inputs)
	for i, glob := range b.Inputs {
		at := element(member(at, "inputs"), i)
		if !isGlob(glob) {
			v.add(at, "D1", "write a glob of paths such as web/static/**", "%s is no glob of the source tree", v.quote(glob))
		}
	}
}

func isSourcePath(p string) bool {
	return fs.ValidPath(p) && p != "." && !strings.ContainsAny(p, "\\*?[]:\x00") && !strings.HasPrefix(p, "-") && strings.TrimSpace(p) == p
}

// isGlob reports whether a pattern is one that the plan understands and that
// cannot leave the source tree. "**" is a part of its own.
func isGlob(glob string) bool {
	if strings.ContainsAny(glob, "\\\x00") || strings.HasPrefix(glob, "-") || strings.TrimSpace(glob) != glob || !doublestar.ValidatePattern(glob) {
		return false
	}
	for part := range strings.SplitSeq(glob, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.Contains(part, "**") && part != "**" {
			return false
		}
	}
	return true
}
