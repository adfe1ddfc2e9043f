package golang

import (
	"slices"
	"strings"
)

// The fixed target.
const (
	goos    = "linux"
	goarch  = "amd64"
	goamd64 = "v1"
	tags    = "timetzdata" // time zones travel in the binary
)

// Flags are the flags of every `go build`. The commit is not among them: a
// binary that names it could never be reused. Tables for debuggers are left out:
// they take a third of the binary and half of the linker's time, a stack trace
// does not need them, and who needs them can build the commit again with them.
func Flags() []string {
	return []string{
		"-mod=readonly",
		"-trimpath",
		"-buildvcs=false",
		"-pgo=auto",
		"-tags=" + tags,
		"-ldflags=-s -w -buildid=",
	}
}

// Fixed are the environment variables that decide what is compiled, "NAME=value"
// each, sorted. They win over the caller's.
func Fixed() []string {
	return []string{
		"CGO_ENABLED=0",
		"GO111MODULE=on",
		"GOAMD64=" + goamd64,
		"GOARCH=" + goarch,
		"GODEBUG=",
		"GOENV=off",
		"GOEXPERIMENT=",
		"GOFIPS140=off",
		"GOFLAGS=",
		"GOOS=" + goos,
		"GOWORK=off",
	}
}

// environment is the caller's without what could change a build, with the
// settings that `go env` gave, the fixed variables and the toolchain.
func environment(caller, settings []string, toolchain string) []string {
	env := slices.DeleteFunc(slices.Clone(caller), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "PWD" || isGoVariable(name) && !passes(name)
	})
	env = append(env, settings...)
	env = append(env, Fixed()...)
	return append(env, "GOTOOLCHAIN="+toolchain)
}

func isGoVariable(name string) bool {
	return strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "GO") && name == strings.ToUpper(name)
}

// passes reports whether a variable is about where modules and caches are, or
// about the machine, and not about what is compiled.
func passes(name string) bool {
	switch name {
	case "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GOTMPDIR", "GOCACHEPROG":
		return true
	}
	return slices.Contains(sources(), name)
}

// sources are the settings that say where modules come from and are kept; people
// set them with `go env -w`, which a build does not read.
func sources() []string {
	return []string{
		"GOAUTH", "GOCACHE", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB",
		"GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOVCS",
	}
}
