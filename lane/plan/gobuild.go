package plan

import (
	"context"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/plan/golang"
)

// Platform is what every image is built for.
const Platform = "linux/amd64"

// GoFlags are the flags of every `go build` of a release. They are inputs of the
// identity; a build adds only packages and -o.
func GoFlags() []string { return golang.Flags() }

// GoEnvironment is the whole environment of a `go build` with toolchain: the
// caller's, without what could change the binary, with what is fixed. User
// settings from `go env -w` about where modules come from are kept.
func GoEnvironment(ctx context.Context, toolchain string) ([]string, error) {
	return new(golang.Tool).Environment(ctx, toolchain)
}

// goInputs are the settings of the build as inputs of the identity.
func goInputs(flags, fixed []string) []canon.Input {
	in := []canon.Input{{Name: "go build flags", Value: strings.Join(flags, " ")}}
	for _, kv := range fixed {
		name, value, _ := strings.Cut(kv, "=")
		in = append(in, canon.Input{Name: "go env " + name, Value: value})
	}
	return in
}
