package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/check"
)

func (a *app) checkCommand() *cobra.Command {
	var commit string
	var rules bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Judge a commit's source tree by the rules",
		Long: `check reads one commit, never the work tree, and reports everything in it that
breaks a rule: what only a release may make, credentials, an intent that cannot
stand, documents that contradict it, links that lead nowhere. Content is looked
at, so renaming hides nothing.

Exit code 4 means that there are findings.`,
		Example: `  lane check
  lane check --commit v0.1 -o json
  lane check --rules`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rules {
				doc := rulesDocument{headerOf("Rules"), check.Rules()}
				return a.emit(doc, func(w io.Writer) { writeRules(w, doc.Rules) })
			}
			ctx := cmd.Context()
			repo, err := git.Open(ctx, a.dir)
			if err != nil {
				return err
			}
			id, err := repo.Resolve(ctx, commit)
			if err != nil {
				return err
			}
			found, err := a.findings(ctx, repo, id)
			if err != nil {
				return err
			}
			doc := findingsDocument{headerOf("Findings"), id, append([]fail.Finding{}, found...)}
			err = a.emit(doc, func(w io.Writer) {
				if len(found) == 0 {
					fmt.Fprintf(w, "%.12s keeps the rules\n", id)
				} else {
					fmt.Fprintln(w, found)
				}
			})
			if err != nil {
				return err
			}
			return found.Summary()
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the `commit` to judge")
	cmd.Flags().BoolVar(&rules, "rules", false, "list the rules instead")
	return cmd
}

// findings are what check finds in a commit.
func (a *app) findings(ctx context.Context, repo *git.Repo, commit string) (fail.Findings, error) {
	cache, err := a.cachePath("check.memo")
	if err != nil {
		return nil, err
	}
	return check.Run(ctx, check.Source{Repo: repo, Commit: commit, Memo: cache})
}

// rulesDocument is what `lane check --rules -o json` prints.
type rulesDocument struct {
	header
	Rules []check.Rule `json:"rules"`
}

func writeRules(w io.Writer, rules []check.Rule) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rules {
		fmt.Fprintf(tw, "%s\t%s\n", r.ID, r.Title)
	}
	tw.Flush()
}
