package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
)

// results is the folder where a step leaves what Tekton keeps of its TaskRun: a
// file for each result, of a few bytes. "" is none.
type results struct{ dir string }

func (r *results) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.dir, "results", "", "leave small results as files in this `dir`ectory, for Tekton")
}

// leave writes the results. They stand as they are, without a newline.
func (r *results) leave(values map[string]string) error {
	if r.dir == "" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		file := filepath.Join(r.dir, name)
		if err := os.WriteFile(file, []byte(values[name]), 0o644); err != nil {
			return fail.Fail(file, "name a folder that can be written with --results", "leaving a result: %w", cause(err))
		}
	}
	return nil
}
