// Command toolchain makes the image that the steps of a lane's pipeline run in,
// and pushes it.
//
//	toolchain build --out DIR --go VERSION --buildkit DIR
//	toolchain push --from DIR --to REGISTRY/REPOSITORY
//
// build writes an OCI layout of four layers: git, ssh, make and a shell from
// Debian's packages; Go from its module; BuildKit from a folder; the certificates
// that this machine trusts. There are no times, owners or paths of the machine in
// it, so the same packages and certificates give the same image. Its last line is the image's digest, which is what a person pins in the
// images lock. push brings it to a registry that speaks plain HTTP on loopback,
// or HTTPS, under a tag that is its digest's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toolchain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: toolchain build|push")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	out := flags.String("out", "", "write the image to this folder")
	golang := flags.String("go", "", "the version of Go, such as go1.26.8")
	buildkit := flags.String("buildkit", "", "the folder with buildkitd and buildctl")
	from := flags.String("from", "", "the folder that build wrote")
	to := flags.String("to", "", "the repository to push to")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case args[0] == "build" && *out != "" && *golang != "" && *buildkit != "":
		return build(ctx, *out, *golang, *buildkit)
	case args[0] == "push" && *from != "" && *to != "":
		return push(ctx, *from, *to)
	}
	return fmt.Errorf("usage: toolchain build --out DIR --go VERSION --buildkit DIR, or toolchain push --from DIR --to REPOSITORY")
}

func build(ctx context.Context, out, golang, buildkit string) error {
	debian, err := debianLayer(ctx)
	if err != nil {
		return err
	}
	compiler, err := goLayer(ctx, golang)
	if err != nil {
		return err
	}
	builder, err := programs(buildkit, "buildkitd", "buildctl")
	if err != nil {
		return err
	}
	trust, err := roots()
	if err != nil {
		return err
	}
	image, err := imageOf(debian, compiler, builder, trust)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	path, err := layout.Write(out, emptyIndex())
	if err != nil {
		return err
	}
	if err := path.AppendImage(image); err != nil {
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return say(image)
}

func push(ctx context.Context, from, to string) error {
	path, err := layout.FromPath(from)
	if err != nil {
		return fmt.Errorf("reading %s: %w", from, err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	if len(manifest.Manifests) != 1 {
		return fmt.Errorf("%s holds %d images, not one: build it again", from, len(manifest.Manifests))
	}
	digest := manifest.Manifests[0].Digest
	image, err := path.Image(digest)
	if err != nil {
		return err
	}
	// The registry's garbage collector takes what no tag names for garbage.
	ref, err := name.NewTag(to + ":" + digest.Hex)
	if err != nil {
		return err
	}
	if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing to %s: %w", to, err)
	}
	return say(image)
}

// say prints the digest.
func say(image v1.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}
