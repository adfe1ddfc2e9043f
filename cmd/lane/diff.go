package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
)

// unbuilt stands for the digest of an image that a release would still build.
var unbuilt = "sha256:" + strings.Repeat("0", 64)

func (a *app) diffCommand() *cobra.Command {
	var to target
	var commit, planFile, publishedFile string
	var lanes bool
	cmd := &cobra.Command{
		Use:   "diff [--lanes LANE LANE]",
		Short: "Show what a promotion would change, object by object",
		Long: `diff compares the manifests on the GitOps branch with those that a promotion of
the commit would put there, and shows each object and field that changes. It
writes nothing. The digest of an image that would still have to be built is
shown as sha256:000…; with --plan and --published it is the real one.

With --lanes it compares what two lanes have promoted instead: service by service,
and then object by object, where the lanes' own names are no difference.

Exit code 3 means that there are differences.`,
		Example: `  lane diff
  lane diff --commit 1f0c2a9 -o json
  lane diff --plan plan.json --published published.json
  lane diff --lanes v0.1 v0.2`,
		Args: usage(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case lanes && len(args) != 2:
				return usageError("--lanes needs two lanes")
			case lanes && (cmd.Flags().Changed("commit") || planFile != "" || publishedFile != ""):
				return usageError("--lanes goes with neither --commit nor --plan nor --published")
			case lanes:
				return a.diffLanes(ctx, &to, args[0], args[1])
			case len(args) > 0:
				return usageError("%s: lanes are named behind --lanes", args[0])
			}
			if (planFile == "") != (publishedFile == "") {
				return usageError("--plan and --published go together")
			}
			var d diff.Diff
			if planFile != "" {
				src, p, err := a.planned(ctx, planFile)
				if err != nil {
					return err
				}
				pub, err := a.published(publishedFile, src, p)
				if err != nil {
					return err
				}
				if d, err = a.diff(ctx, src, &to, p, pub); err != nil {
					return err
				}
			} else {
				src, err := a.source(ctx, commit, "")
				if err != nil {
					return err
				}
				head, err := a.head(ctx, src, &to)
				if err != nil {
					return err
				}
				p, err := a.plan(ctx, src, head, planOptions{builder: defaultBuilder})
				if err != nil {
					return err
				}
				if d, err = a.diff(ctx, src, &to, p, provisional(src, p)); err != nil {
					return err
				}
			}
			if err := a.emitDiff(d); err != nil || len(d.Objects)+len(d.Problems) == 0 {
				return err
			}
			return &fail.Error{
				Code: fail.Differs, Hint: "lane promote makes them",
				Err: fmt.Errorf("a promotion would make changes: %d of objects, %d of files that are no manifests", len(d.Objects), len(d.Problems)),
			}
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the source `commit` to compare")
	cmd.Flags().StringVar(&planFile, "plan", "", "the plan `file` of the commit")
	cmd.Flags().StringVar(&publishedFile, "published", "", "the published images' `file` of the plan")
	cmd.Flags().BoolVar(&lanes, "lanes", false, "compare two lanes")
	to.remoteFlag(cmd)
	return cmd
}

// diff compares the branch with what a promotion of p and pub would make of it.
func (a *app) diff(ctx context.Context, src *source, to *target, p *plan.Plan, pub *publish.Published) (diff.Diff, error) {
	b, err := a.branch(src, to)
	if err != nil {
		return diff.Diff{}, err
	}
	head, before, err := b.Content(ctx)
	if err != nil {
		return diff.Diff{}, err
	}
	c, err := catalog.Next(head.Catalog, src.names, p, pub)
	if err != nil {
		return diff.Diff{}, err
	}
	after, err := src.files(c)
	if err != nil {
		return diff.Diff{}, err
	}
	return diff.Objects(src.manifests(before), src.manifests(after))
}

// manifests are the files of a GitOps branch that Argo CD applies.
func (src *source) manifests(files map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for path, data := range files {
		if strings.HasPrefix(path, src.names.RuntimePath+"/") && !strings.HasPrefix(path, src.names.Metadata()+"/") {
			out[path] = data
		}
	}
	return out
}

// provisional stands in for what was not published yet.
func provisional(src *source, p *plan.Plan) *publish.Published {
	pub := &publish.Published{
		APIVersion: publish.APIVersion, Kind: publish.Kind,
		Project: p.Project, Lane: p.Lane, SourceCommitID: p.SourceCommitID,
	}
	for _, s := range p.ToBuild() {
		pub.Services = append(pub.Services, publish.Service{
			ServiceID: s.ID, ComponentIdentity: s.Identity,
			Image: publish.Image{Repository: src.names.Repository(s.ID), Tag: p.SourceCommitID, Digest: unbuilt, MediaType: publish.MediaType},
		})
	}
	return pub
}

func (a *app) emitDiff(d diff.Diff) error {
	return a.emit(d, func(w io.Writer) { a.writeDiff(w, d) })
}

// writeDiff writes to w, which is about to become the output, in colour if that
// is a terminal.
func (a *app) writeDiff(w io.Writer, d diff.Diff) {
	if isTerminal(a.stdout) {
		_ = d.ColorText(w) // w is memory
		return
	}
	_ = d.Text(w)
}
