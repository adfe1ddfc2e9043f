package main

import (
	"fmt"
	"io"

	"github.com/pikasTech/agentrun/lane/promote"
)

// outcomeDocument is what `lane promote -o json` and `lane init -o json` print.
type outcomeDocument struct {
	header
	promote.Outcome
}

func (a *app) emitOutcome(out promote.Outcome) error {
	return a.emit(outcomeDocument{headerOf("Promotion"), out}, func(w io.Writer) { writeOutcome(w, out) })
}

func writeOutcome(w io.Writer, out promote.Outcome) {
	switch {
	case out.Result == promote.NothingToChange:
		fmt.Fprintf(w, "nothing to change: %s is at %.12s\n", out.Branch, out.Commit)
	case out.Result == promote.Superseded:
		fmt.Fprintf(w, "superseded: %s holds the newer %.12s\n", out.Branch, out.Replaced)
	case out.DryRun:
		fmt.Fprintf(w, "would promote %.12s to %s\n", out.Source, out.Branch)
	default:
		fmt.Fprintf(w, "promoted %.12s to %s as %.12s\n", out.Source, out.Branch, out.Commit)
	}
	for _, list := range []struct {
		mark  string
		paths []string
	}{{"+", out.Changes.Added}, {"~", out.Changes.Changed}, {"-", out.Changes.Removed}} {
		for _, path := range list.paths {
			fmt.Fprintf(w, "  %s %s\n", list.mark, path)
		}
	}
	for _, n := range out.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}
