package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/report"
	"github.com/pikasTech/agentrun/lane/verify"
)

func (a *app) reportCommand() *cobra.Command {
	r := reporter{looker: looker{verifier: verifier{app: a}}}
	var out string
	cmd := &cobra.Command{
		Use:   "report --out FILE",
		Short: "Draw the verdict as one page",
		Long: `report looks at the lane as lane verify does and draws what it saw as one HTML
page: the chain with the state of each link, the services with their digests and
why each was built or reused, the time line, drift, and the records of holds and
hotfixes. The page needs no other file, no script and no network.

It writes the file alone, whatever the verdict is; exit code 3 means that the lane
is not accepted.`,
		Example: "  lane report --out lane.html\n  lane report --out lane.html --skip worktree",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError("--out is needed: the page is a file")
			}
			return r.look(cmd.Context(), func(ctx context.Context, src *source, e verify.Evidence) error {
				return r.write(ctx, src, e, out)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write the page to this `file`")
	r.flags(cmd)
	return cmd
}

// reporter draws a verdict.
type reporter struct{ looker }

// reportDocument is what `lane report -o json` prints.
type reportDocument struct {
	header
	File          string `json:"file"`
	Digest        string `json:"digest"` // of the page
	VerdictDigest string `json:"verdictDigest"`
	Bytes         int    `json:"bytes"`
	Accepted      bool   `json:"accepted"`
}

// write draws the page into a file.
func (r *reporter) write(ctx context.Context, src *source, e verify.Evidence, out string) error {
	verdict := judged{verify.Judge(e)}
	d := report.Of(e, verdict.Verdict)
	r.history(ctx, src, &d)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	page, err := report.HTML(d)
	if err != nil {
		return err
	}
	data, err := verdict.Encode()
	if err != nil {
		return err
	}
	if err := src.writeDocument(ctx, out, page); err != nil {
		return err
	}
	doc := reportDocument{headerOf("Report"), out, canon.Digest(page), canon.Digest(data), len(page), verdict.Accepted}
	err = r.app.emit(doc, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", fail.Clean(out, 300), verdict.Summary()) })
	if err != nil {
		return err
	}
	return verdict.refusal()
}
