package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
)

func (a *app) promoteCommand() *cobra.Command {
	var to target
	var left results
	var planFile, publishedFile, keyFile string
	var back backward
	var restart, commit string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "promote --plan FILE --published FILE",
		Short: "Put catalog and manifests on the GitOps branch, in one commit",
		Long: `promote makes the next catalog from the one on the GitOps branch, the plan and
what was published, renders the manifests, and puts both on the branch as one
commit, by compare-and-swap. The same content is no commit; a commit that is
older than the promoted one is superseded (exit code 5).

Before the push every digest must still answer, the manifests must be complete,
pinned and of this lane alone, and nothing may look like a secret.

With --rollback-to and --hold it promotes instead what the branch held at an earlier
commit, byte for byte, and holds the lane; plan and published images are not read.
The intent and the catalog of then must still render to those bytes, and every
digest must answer.

With --restart it promotes instead what is released, with another generation for the
services that are named: their pods are replaced, and nothing else changes.

Outside a TaskRun only a scratch registry and a scratch git remote can be used.`,
		Example: `  lane promote --plan plan.json --published published.json --dry-run \
    --registry 127.0.0.1:5001 --remote /tmp/scratch.git`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var out promote.Outcome
			var err error
			switch {
			case (back.to == "") != (back.hold == ""):
				return usageError("--rollback-to and --hold go together")
			case back.to != "" && restart != "":
				return usageError("--rollback-to goes without --restart")
			case restart != "":
				out, err = a.promoteRestart(ctx, &to, restart, commit, keyFile, dryRun)
			case back.to != "":
				out, err = a.promoteBack(ctx, &to, back, keyFile, dryRun)
			case planFile == "" || publishedFile == "":
				return usageError("--plan and --published are needed: the files that lane plan and lane publish wrote")
			default:
				out, err = a.promotePlanned(ctx, &to, planFile, publishedFile, keyFile, dryRun)
			}
			if out.Result == "" {
				return err
			}
			if leaveErr := leaveOutcome(&left, out); leaveErr != nil {
				return errors.Join(err, leaveErr)
			}
			if emitErr := a.emitOutcome(out); emitErr != nil {
				return emitErr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&planFile, "plan", "", "the plan `file`")
	cmd.Flags().StringVar(&publishedFile, "published", "", "the published images' `file`")
	cmd.Flags().StringVar(&keyFile, "signing-key", "", "sign the commit with the OpenSSH private key in this `file`, which is one of the intent's ci.signers")
	cmd.Flags().StringVar(&back.to, "rollback-to", "", "the `commit` of the GitOps branch to go back to, full id")
	cmd.Flags().StringVar(&back.hold, "hold", "", "with --rollback-to: the hold, as a JSON `document`")
	cmd.Flags().StringVar(&restart, "restart", "", "`services=generation`: replace their pods")
	cmd.Flags().StringVar(&commit, "commit", "", "with --restart: the released `commit`, full id")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "do everything but the push")
	to.registryFlag(cmd)
	to.remoteFlag(cmd)
	left.flag(cmd)
	return cmd
}

// promoteOptions are what a promotion may be told beside its documents.
type promoteOptions struct {
	dryRun bool
	signer *promote.Signer // nil leaves the commit unsigned
}

// promotePlanned promotes what was planned and published.
func (a *app) promotePlanned(ctx context.Context, to *target, planFile, publishedFile, keyFile string, dryRun bool) (promote.Outcome, error) {
	src, p, err := a.planned(ctx, planFile)
	if err != nil {
		return promote.Outcome{}, err
	}
	pub, err := a.published(publishedFile, src, p)
	if err != nil {
		return promote.Outcome{}, err
	}
	if err := to.guardRemote(src.intent); err != nil {
		return promote.Outcome{}, err
	}
	signer, err := signer(keyFile, src.intent.CI.Signers)
	if err != nil {
		return promote.Outcome{}, err
	}
	return a.promote(ctx, src, to, p, pub, promoteOptions{dryRun, signer})
}

// signer reads the key that signs promotions, which is of one of signers; without a
// file there is none.
func signer(file string, signers []string) (*promote.Signer, error) {
	if file == "" {
		return nil, nil
	}
	key, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return promote.NewSigner(file, key, signers)
}

// leaveOutcome leaves what the branch holds after the promotion. It asks nobody: what
// fails after the push makes a promotion that its own run does not prove.
func leaveOutcome(left *results, out promote.Outcome) error {
	services, err := out.Catalog.ServicesDigest()
	if err != nil {
		return err
	}
	return left.leave(map[string]string{
		pipeline.ResultOutcome: string(out.Result), pipeline.ResultGitops: out.Commit, pipeline.ResultServices: services,
	})
}

// planned reads a plan and the source commit that it is of.
func (a *app) planned(ctx context.Context, file string) (*source, *plan.Plan, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, nil, err
	}
	commit, err := plan.SourceCommit(file, data)
	if err != nil {
		return nil, nil, err
	}
	src, err := a.source(ctx, commit, "")
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.Parse(file, data, src.names)
	if err != nil {
		return nil, nil, err
	}
	return src, p, src.owns(file, p)
}

// owns refuses a plan that was not made from the intent of its own commit.
func (src *source) owns(file string, p *plan.Plan) error {
	digest, err := src.intent.Digest()
	if err != nil {
		return err
	}
	if p.IntentDigest != digest {
		return fail.Refuse("E4", file, "make the plan again with lane plan",
			"it was made from the intent %.19s…, the commit's own is %.19s…", p.IntentDigest, digest)
	}
	return nil
}

// published reads what was published for p. A plan that builds nothing needs no
// file: then nothing was published.
func (a *app) published(file string, src *source, p *plan.Plan) (*publish.Published, error) {
	if _, err := os.Stat(file); os.IsNotExist(err) && len(p.ToBuild()) == 0 {
		return publish.Nothing(p), nil
	}
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	return publish.Parse(file, data, src.names)
}

// promote puts one release on the branch.
func (a *app) promote(ctx context.Context, src *source, to *target, p *plan.Plan, pub *publish.Published, opts promoteOptions) (promote.Outcome, error) {
	if err := a.confirm(ctx, src, to, p, pub); err != nil {
		return promote.Outcome{}, err
	}
	b, h, err := a.writableBranch(ctx, src, to)
	if err != nil {
		return promote.Outcome{}, err
	}
	defer h.close()
	r := promote.Release{
		Commit: p.SourceCommitID, DryRun: opts.dryRun, Signer: opts.signer,
		Make: func(_ context.Context, head *promote.Head) (map[string][]byte, error) {
			c, err := catalog.Next(head.Catalog, src.names, p, pub)
			if err != nil {
				return nil, err
			}
			return src.files(c)
		},
		Preflight: func(ctx context.Context, files map[string][]byte, changes promote.Changes) error {
			return src.preflight(ctx, to, files, changes)
		},
	}
	r.PipelineRun, r.TaskRuns = evidence()
	return b.Apply(ctx, r)
}

// evidence is which run promotes, and by which of its task runs.
func evidence() (run string, taskRuns []string) {
	tr, ok := currentTaskRun()
	if !ok {
		return "", nil
	}
	return tr.pipelineRun, []string{tr.taskRun}
}

// confirm takes neither file at its word: the plan's identities are those of the
// commit, and the published images are in the registry and were built from them.
func (a *app) confirm(ctx context.Context, src *source, to *target, p *plan.Plan, pub *publish.Published) error {
	components, err := a.components(ctx, src, p, func(plan.Service) bool { return true })
	if err != nil {
		return err
	}
	if err := p.Confirm(components); err != nil {
		return err
	}
	client := registry.New(src.intent.Registry.Insecure)
	defer client.Close()
	return pub.Confirm(ctx, client, to.registryOf(src.intent))
}

// preflight is the last look at what is about to be pushed: every image still
// answers, the changed manifests hold what they should and no more, and nothing
// looks like a secret.
func (src *source) preflight(ctx context.Context, to *target, files map[string][]byte, changes promote.Changes) error {
	c, err := catalog.Parse(src.names.ArtifactCatalog, files[src.names.ArtifactCatalog], src.names)
	if err != nil {
		return err
	}
	manifests := render.Tree{}
	for _, paths := range [][]string{changes.Added, changes.Changed} {
		for _, path := range paths {
			if path != src.names.ArtifactCatalog && !strings.HasPrefix(path, src.names.Metadata()+"/") {
				manifests[path] = files[path]
			}
			for _, hit := range secretscan.Default().Scan(path, files[path]) {
				return fail.Refuse("C4", fmt.Sprintf("%s:%d:%d", path, hit.Line, hit.Column),
					"take the value out of the intent and refer to a Secret", "%s", hit.Why)
			}
		}
	}
	if err := render.Check(manifests, src.names, c); err != nil {
		return err
	}
	return src.answering(ctx, to, c)
}

// answering refuses a catalog with an image that the registry no longer has.
func (src *source) answering(ctx context.Context, to *target, c *catalog.Catalog) error {
	client := registry.New(src.intent.Registry.Insecure)
	defer client.Close()
	images := make([]registry.Image, len(c.Services))
	for i, s := range c.Services {
		images[i] = registry.Image{
			Ref:    registry.Ref{Registry: to.registryOf(src.intent), Repository: s.Image.Repository},
			Digest: s.Image.Digest,
		}
	}
	missing, err := client.Exists(ctx, images...)
	if err != nil {
		return fmt.Errorf("asking for the images: %w", err)
	}
	if len(missing) == 0 {
		return builtAsSaid(ctx, client, c, images)
	}
	gone := make([]string, len(missing))
	for i, m := range missing {
		gone[i] = m.String()
	}
	return fail.Refuse("F2", to.registryOf(src.intent), "put the images back, or release a commit that changes these services: their images are then built anew",
		"the registry no longer has %s", strings.Join(gone, ", "))
}

// builtAsSaid refuses a catalog whose images are not those of its identities: it
// was edited by a hand.
func builtAsSaid(ctx context.Context, client *registry.Client, c *catalog.Catalog, images []registry.Image) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(registry.Parallel)
	for i, s := range c.Services {
		g.Go(func() error {
			return publish.WasBuiltFrom(ctx, client, images[i].Ref, images[i].Digest, s.ComponentIdentity)
		})
	}
	return g.Wait()
}
