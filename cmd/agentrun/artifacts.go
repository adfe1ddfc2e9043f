package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) artifactsCommand() *cobra.Command {
	var out string
	var attempt int
	var force bool
	cmd := &cobra.Command{
		Use:   "artifacts RUN [NAME...]",
		Short: "List a run's files, or download them",
		Long: `artifacts lists the files that a run left, such as diff.patch. With --out it
downloads them, or those that are named, into a folder; --out - writes one to
standard output. Every byte is checked against the file's SHA-256, and a file that
is there already is not overwritten without --force.

Of a name that several attempts left, the last one counts unless --attempt says
which.`,
		Example: `  agentrun artifacts 0198c0de-0000-7000-8000-000000000000
  agentrun artifacts 0198c0de-0000-7000-8000-000000000000 --out result/
  agentrun artifacts 0198c0de-0000-7000-8000-000000000000 diff.patch --out - | git apply`,
		Args:              usage(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeRun(anyRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.verbOn(args[0])
			if err != nil {
				return err
			}
			all, err := c.Artifacts(cmd.Context(), id)
			if err != nil {
				return err
			}
			chosen, err := choose(all, args[1:], attempt, out != "")
			switch {
			case err != nil:
				return err
			case out == "":
				return a.emit(map[string]any{"artifacts": chosen}, func(w io.Writer) { writeArtifacts(w, chosen) })
			case out == "-":
				return a.pipe(cmd.Context(), c, id, chosen)
			}
			return a.download(cmd.Context(), c, id, chosen, out, force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "download into this `dir`ectory; - is standard output")
	flags.IntVar(&attempt, "attempt", 0, "files of this attempt's `number` only")
	flags.BoolVar(&force, "force", false, "overwrite files that are there")
	completeWords(cmd, "attempt")
	return cmd
}

// choose picks the files that are meant: all of a list, and for a download the last
// of each name.
func choose(all []run.Artifact, names []string, attempt int, last bool) ([]run.Artifact, error) {
	chosen := []run.Artifact{}
	for _, f := range all {
		if attempt != 0 && f.Attempt != attempt || len(names) > 0 && !slices.Contains(names, f.Name) {
			continue
		}
		i := slices.IndexFunc(chosen, func(c run.Artifact) bool { return c.Name == f.Name })
		switch {
		case i < 0 || !last:
			chosen = append(chosen, f)
		case f.Attempt > chosen[i].Attempt:
			chosen[i] = f
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(chosen, func(f run.Artifact) bool { return f.Name == name }) {
			return nil, fail.Fail(plain.Line(name, 200), "see agentrun artifacts without names", "the run has no such file")
		}
	}
	return chosen, nil
}

func writeArtifacts(w io.Writer, all []run.Artifact) {
	if len(all) == 0 {
		fmt.Fprintln(w, "no files")
		return
	}
	fmt.Fprintf(w, "%-7s  %10s  %-28s  %s\n", "ATTEMPT", "BYTES", "TYPE", "NAME")
	for _, f := range all {
		fmt.Fprintf(w, "%7d  %10d  %-28s  %s\n", f.Attempt, f.Bytes, plain.Line(f.MediaType, 28), plain.Line(f.Name, 200))
	}
}

// pipe writes one file to standard output, whole or not at all. A terminal would
// obey what is in it.
func (a *app) pipe(ctx context.Context, c *client.Client, id string, chosen []run.Artifact) error {
	switch {
	case len(chosen) != 1:
		return usageError("--out - takes one file, and %d are meant", len(chosen))
	case a.json():
		return usageError("--out - prints the file, not a document: leave out -o json")
	case isTerminal(a.stdout):
		return usageError("--out - does not write to a terminal: send it to a file or a program")
	case chosen[0].Bytes > run.MaxArtifactBytes:
		return fail.Fail(plain.Line(chosen[0].Name, 200), "the manager is not one of this program's version", "it has more than %d bytes", run.MaxArtifactBytes)
	}
	var b bytes.Buffer
	if err := c.Download(ctx, id, chosen[0], &b); err != nil {
		return fmt.Errorf("downloading %s: %w", plain.Line(chosen[0].Name, 200), err)
	}
	return a.print(b.Bytes())
}
