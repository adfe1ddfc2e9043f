package dockerfile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Lock is the images that a Dockerfile may build on: name → reference@digest.
type Lock map[string]string

var (
	lockName      = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)
	lockReference = regexp.MustCompile(`^([a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9.-]+:[0-9]{1,5})(/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}$`)
)

const lockLine = "image NAME REGISTRY/REPOSITORY@sha256:DIGEST"

// ParseLock reads an image lock: lines "image NAME REFERENCE@sha256:DIGEST", with
// the registry written out; empty lines and lines that begin with # are for
// people. Anything else, and a name that stands twice, is refused by rule F5.
// file is only used in messages.
func ParseLock(file string, data []byte) (Lock, error) {
	lock := Lock{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		refuse := func(format string, args ...any) error {
			return fail.Refuse("F5", fmt.Sprintf("%s:%d", file, n), "write "+lockLine, format, args...)
		}
		f := strings.Fields(line)
		switch {
		case len(f) != 3 || f[0] != "image":
			return nil, refuse("%q is not a line of an image lock", fail.Clean(line, 200))
		case !lockName.MatchString(f[1]) || f[1] == "scratch":
			return nil, refuse("%q cannot be the name of an image", fail.Clean(f[1], 100))
		case !lockReference.MatchString(f[2]):
			return nil, refuse("%q is not a reference with registry and digest", fail.Clean(f[2], 200))
		case lock[f[1]] != "":
			return nil, refuse("the name %s stands twice", f[1])
		}
		lock[f[1]] = f[2]
	}
	return lock, nil
}
