package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

// Options are what Start needs for either builder.
type Options struct {
	Bin      string           // folder with the programs, looked in before PATH
	Dir      string           // folder of the builder's state and cache, used by one call at a time
	Host     string           // address of a running buildkitd; "" starts one
	Registry *registry.Client // says who speaks plain HTTP, and pushes what Buildah built
	Plain    []string         // registries that bases are pulled from as Registry speaks with them
}

// Start starts the builder called name, "buildkit" or "buildah". hasRun says that
// a Dockerfile has RUN instructions: then root does not give up its rights.
func Start(ctx context.Context, name string, o Options, hasRun bool) (Builder, error) {
	dir := filepath.Join(o.Dir, name)
	plain := slices.DeleteFunc(slices.Clone(o.Plain), func(address string) bool { return !o.Registry.Insecure && !registry.Loopback(address) })
	var b Builder
	var err error
	switch name {
	case "buildkit":
		b, err = StartBuildKit(ctx, BuildKitOptions{Bin: o.Bin, Host: o.Host, Dir: dir, Plain: plain, Rootful: hasRun && os.Geteuid() == 0})
	case "buildah":
		b, err = StartBuildah(ctx, BuildahOptions{Bin: o.Bin, Dir: dir, Registry: o.Registry})
	default:
		err = &fail.Error{Code: fail.Usage, Where: name, Hint: "name buildkit or buildah", Err: errors.New("there is no such builder")}
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
