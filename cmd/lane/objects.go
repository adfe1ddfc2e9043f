package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/plan/dockerfile"
)

func (a *app) objectsCommand() *cobra.Command {
	var commit string
	var apply, dryRun bool
	var to cluster
	cmd := &cobra.Command{
		Use:   "objects tekton|argo|triggers|seccomp",
		Short: "The lane's Tekton and Argo CD objects, for kubectl apply",
		Long: `objects prints what a cluster needs to release the lane and to keep it: with
tekton the namespace of the runs, their ServiceAccount, their volume claim and
the Pipeline; with argo the AppProject and the Application; with triggers, which
nobody has to use, the listener of Tekton Triggers that starts a run for each
signed push to the source branch. All of it follows from the commit's intent;
nothing is asked. seccomp is for the nodes: it prints the profile of the step that
builds images.

--apply makes the cluster's objects these, by server-side apply, and says what
that changes; with --dry-run it only says so (exit code 3 when something would
change).`,
		Example: `  lane objects tekton
  lane objects argo --apply --dry-run
  lane objects tekton --apply
  lane objects argo | kubectl apply --server-side --field-manager=lane -f -`,
		Args:      usage(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: []string{"tekton", "argo", "triggers"},
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source(cmd.Context(), commit, "")
			if err != nil {
				return err
			}
			all, err := a.objects(cmd.Context(), src, args[0])
			if err != nil {
				return err
			}
			if apply {
				return a.applyObjects(cmd.Context(), to, all, dryRun)
			}
			if dryRun {
				return usageError("--dry-run goes with --apply")
			}
			doc := objectsDocument{headerOf("Objects"), src.commit, []map[string]any{}}
			for _, o := range all {
				doc.Items = append(doc.Items, o.Object)
			}
			return a.emit(doc, func(w io.Writer) {
				for i, o := range all {
					if i > 0 {
						fmt.Fprintln(w, "---")
					}
					fmt.Fprint(w, string(o.YAML))
				}
			})
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the source `commit` whose intent counts")
	cmd.Flags().BoolVar(&apply, "apply", false, "apply them to the cluster")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "with --apply: say what would change, and change nothing")
	to.flags(cmd)
	cmd.AddCommand(a.objectsSeccomp())
	return cmd
}

// objectsSeccomp prints what no cluster keeps as an object: a file of each node.
func (a *app) objectsSeccomp() *cobra.Command {
	return &cobra.Command{
		Use:   "seccomp",
		Short: "Print the seccomp profile of the step that builds images",
		Long: `seccomp prints the profile for the step that builds images, as JSON that container
runtimes read. It belongs into the kubelet's seccomp folder of each node, at the
path that ci.seccompProfile of deploy/deploy.json names; without that field nothing
reads it.`,
		Example: "  lane objects seccomp > /var/lib/kubelet/seccomp/lane/buildkit.json",
		Args:    usage(cobra.NoArgs),
		RunE:    func(*cobra.Command, []string) error { return a.print(pipeline.Seccomp()) },
	}
}

// objectsDocument is what `lane objects -o json` prints.
type objectsDocument struct {
	header
	SourceCommitID string           `json:"sourceCommitId"`
	Items          []map[string]any `json:"items"`
}

// objects are the lane's objects of one kind of controller.
func (a *app) objects(ctx context.Context, src *source, what string) ([]pipeline.Object, error) {
	switch what {
	case "argo":
		return pipeline.Argo(src.intent, src.names)
	case "triggers":
		return pipeline.Triggers(src.intent, src.names)
	}
	data, err := src.repo.ReadFile(ctx, src.commit, plan.LockPath, dockerfile.MaxBytes)
	if err != nil {
		return nil, fail.Fail(plan.LockPath, toolchainHint, "looking for the toolchain's image: %w", err)
	}
	lock, err := dockerfile.ParseLock(plan.LockPath, data)
	if err != nil {
		return nil, err
	}
	image := lock[pipeline.ToolchainImage]
	if image == "" {
		return nil, fail.Fail(plan.LockPath, toolchainHint, "it has no image called %s", pipeline.ToolchainImage)
	}
	return pipeline.Tekton(src.intent, src.names, image)
}

const toolchainHint = "make the image with make toolchain, and pin it: image " + pipeline.ToolchainImage + " REGISTRY/REPOSITORY@sha256:DIGEST"
