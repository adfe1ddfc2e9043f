package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

func (a *app) planCommand() *cobra.Command {
	var to target
	var left results
	var commit, catalogFile, intentFile, explain, out string
	var opts planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Decide which services a commit changes",
		Long: `plan compares what each service's image is made of at a commit with the lane's
catalog, and decides service by service: build or reuse, with the reasons. It
reads the commit, never the work tree.

The catalog is the one on the GitOps branch, or the file that --catalog names;
without one nothing can be planned (rule C5). To only look at what a commit
would build, give an intent with --intent: that needs no catalog, works in any
repository, and the later steps refuse the result.`,
		Example: `  lane plan
  lane plan --commit 1f0c2a9 --out plan.json
  lane plan --explain agentrun-mgr
  lane plan --intent deploy/deploy.json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			src, err := a.source(ctx, commit, intentFile)
			if err != nil {
				return err
			}
			base, err := a.base(ctx, src, catalogFile, &to)
			if err != nil {
				return err
			}
			if explain != "" {
				return a.explain(ctx, src, base, explain, opts)
			}
			if err := src.onSourceBranch(ctx); err != nil {
				return err
			}
			p, err := a.plan(ctx, src, base, opts)
			if err != nil {
				return err
			}
			data, err := p.Encode()
			if err != nil {
				return err
			}
			if out != "" {
				if err := src.writeDocument(ctx, out, data); err != nil {
					return err
				}
			}
			err = left.leave(map[string]string{
				pipeline.ResultPlan: canon.Digest(data), pipeline.ResultBuild: strconv.Itoa(len(p.ToBuild())),
			})
			if err != nil {
				return err
			}
			return a.emit(p, func(w io.Writer) { writePlan(w, p) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&commit, "commit", "HEAD", "the source `commit` to plan")
	flags.StringVar(&catalogFile, "catalog", "", "the previous catalog's `file` (default: the one on the GitOps branch)")
	flags.StringVar(&intentFile, "intent", "", "another intent's `file`, to look at")
	flags.StringVar(&explain, "explain", "", "print what one `service`'s image is made of, and what changed")
	flags.StringVar(&out, "out", "", "write the plan to this `file`")
	flags.StringVar(&opts.builder, "builder", defaultBuilder, "the `builder` that will be used: buildkit or buildah")
	flags.StringSliceVar(&opts.rebuild, "rebuild", nil, "`services` to build although nothing changed")
	completeWords(cmd, "builder", "buildkit", "buildah")
	to.remoteFlag(cmd)
	left.flag(cmd)
	return cmd
}

const defaultBuilder = "buildkit"

// planOptions are what a person may say about a plan.
type planOptions struct {
	builder string
	rebuild []string
}

// base is the catalog to plan against: from a file, or from the GitOps branch.
// There is none for an exploration without a file.
func (a *app) base(ctx context.Context, src *source, file string, to *target) (*catalog.Catalog, error) {
	switch {
	case file != "":
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		return catalog.Parse(file, data, src.names)
	case src.exploratory:
		return nil, nil
	}
	return a.head(ctx, src, to)
}

// head is the catalog on the GitOps branch.
func (a *app) head(ctx context.Context, src *source, to *target) (*catalog.Catalog, error) {
	b, err := a.branch(src, to)
	if err != nil {
		return nil, err
	}
	head, err := b.Head(ctx)
	if err != nil {
		return nil, err
	}
	return head.Catalog, nil
}

// plan makes the plan of src against base, which may be nil.
func (a *app) plan(ctx context.Context, src *source, base *catalog.Catalog, opts planOptions) (*plan.Plan, error) {
	req, err := a.planRequest(src, base, opts)
	if err != nil {
		return nil, err
	}
	return plan.Make(ctx, req)
}

// planRequest is what plan.Make and plan.Explain are asked with.
func (a *app) planRequest(src *source, base *catalog.Catalog, opts planOptions) (plan.Request, error) {
	own, err := publish.OwnImage()
	if err != nil {
		return plan.Request{}, err
	}
	name, err := builderName(opts.builder)
	if err != nil {
		return plan.Request{}, err
	}
	cache, err := a.cachePath("plan.memo")
	if err != nil {
		return plan.Request{}, err
	}
	req := plan.Request{
		Loader: plan.Loader{Repo: src.repo, Builder: name, OwnImage: own, OwnRoots: publish.OwnRoots(), Memo: cache},
		Commit: src.commit, Intent: src.intent, Rebuild: opts.rebuild, Exploratory: src.exploratory,
	}
	if base == nil {
		return req, nil
	}
	data, err := base.Encode()
	if err != nil {
		return plan.Request{}, err
	}
	req.Base = &plan.Base{SourceCommitID: base.SourceCommitID, CatalogDigest: canon.Digest(data)}
	req.Previous = map[string]plan.Previous{}
	for _, s := range base.Services {
		req.Previous[s.ServiceID] = plan.Previous{Identity: s.ComponentIdentity, SourceCommitID: s.SourceCommitID}
	}
	return req, nil
}

// builderName is a builder with the exact version that images are built with:
// another version may give other bytes, so it is part of every identity.
func builderName(name string) (string, error) {
	switch name {
	case "buildkit":
		return "buildkit " + builder.BuildKitVersion, nil
	case "buildah":
		return "buildah " + builder.BuildahVersion, nil
	}
	return "", usageError("--builder %s: the builder is buildkit or buildah", name)
}

func (a *app) explain(ctx context.Context, src *source, base *catalog.Catalog, service string, opts planOptions) error {
	req, err := a.planRequest(src, base, opts)
	if err != nil {
		return err
	}
	e, err := plan.Explain(ctx, req, service)
	if err != nil {
		return err
	}
	return a.emit(e, func(w io.Writer) { writeExplanation(w, e) })
}

func writePlan(w io.Writer, p *plan.Plan) {
	against := "without a catalog"
	if p.Base != nil {
		against = fmt.Sprintf("against the catalog of %.12s", p.Base.SourceCommitID)
	}
	fmt.Fprintf(w, "plan of %s %s at %.12s, %s\n", p.Project, p.Lane, p.SourceCommitID, against)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range p.Services {
		for i, reason := range s.Reasons {
			if i == 0 {
				fmt.Fprintf(tw, "%s\t%s\t%s\n", s.Decision, s.ID, reason)
			} else {
				fmt.Fprintf(tw, "\t\t%s\n", reason)
			}
		}
	}
	tw.Flush()
	built := len(p.ToBuild())
	fmt.Fprintf(w, "%d to build, %d reused\n", built, len(p.Services)-built)
}

// writeExplanation prints every input, those that changed marked.
func writeExplanation(w io.Writer, e *plan.Explanation) {
	fmt.Fprintf(w, "%s %s at %.12s\nidentity %s\n", e.Decision, e.ID, e.SourceCommitID, e.Identity)
	for _, reason := range e.Reasons {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	changed := map[string]canon.Change{}
	if e.Since != "" {
		fmt.Fprintf(w, "\n%d of its inputs changed since %.12s\n", len(e.Changes), e.Since)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, c := range e.Changes {
			changed[c.Name] = c
			fmt.Fprintf(tw, "  %s\t%s\t→ %s\n", c.Name, orNone(c.Before), orNone(c.After))
		}
		tw.Flush()
	}
	fmt.Fprintf(w, "\n%d inputs\n", len(e.Inputs))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, in := range e.Inputs {
		mark := " "
		if _, ok := changed[in.Name]; ok {
			mark = "*"
		}
		fmt.Fprintf(tw, "%s %s\t%s\n", mark, in.Name, in.Value)
	}
	tw.Flush()
}

func orNone(value string) string {
	if value == "" {
		return "(none)"
	}
	return value
}
