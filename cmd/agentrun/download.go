package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

// download writes the files into the folder dir, which it makes. A file appears
// there whole.
func (a *app) download(ctx context.Context, c *client.Client, id string, files []run.Artifact, dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fail.Fail(dir, "name a folder that can be written", "making the folder: %w", cause(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail.Fail(dir, "name a folder that can be written", "opening the folder: %w", cause(err))
	}
	defer root.Close()
	for _, f := range files {
		if err := downloadOne(ctx, c, id, f, root, force); err != nil {
			return err
		}
	}
	return a.emit(map[string]any{"artifacts": files}, func(w io.Writer) {
		for _, f := range files {
			fmt.Fprintf(w, "%s  %d bytes\n", f.Name, f.Bytes)
		}
	})
}

func downloadOne(ctx context.Context, c *client.Client, id string, f run.Artifact, root *os.Root, force bool) (err error) {
	if !run.IsArtifactName(f.Name) {
		return fail.Fail(plain.Line(f.Name, 200), "look at it with --out -", "the name does not fit a file here")
	}
	if _, err := root.Lstat(f.Name); err == nil && !force {
		return alreadyThere(root, f)
	}
	part := ".agentrun-" + rand.Text()
	file, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fail.Fail(root.Name(), "name a folder that can be written", "making a file: %w", cause(err))
	}
	defer root.Remove(part) // by then it has its name, or is not wanted
	err = c.Download(ctx, id, f, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("downloading %s: %w", f.Name, err)
	}
	if force {
		err = root.Rename(part, f.Name)
	} else {
		err = root.Link(part, f.Name) // it never replaces
	}
	if errors.Is(err, fs.ErrExist) {
		return alreadyThere(root, f)
	}
	if err != nil {
		return fmt.Errorf("naming %s: %w", f.Name, cause(err))
	}
	return nil
}

func alreadyThere(root *os.Root, f run.Artifact) error {
	return fail.Fail(root.Name(), "take another --out, or --force", "%s is there already", f.Name)
}

// cause is the error without the path, which is told beside it.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
