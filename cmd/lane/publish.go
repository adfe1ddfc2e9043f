package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

func (a *app) publishCommand() *cobra.Command {
	var to target
	var left results
	var planFile, out string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "publish --plan FILE",
		Short: "Build, push and prove the images that a plan wants",
		Long: `publish compiles the programs of the services that the plan builds, assembles
their images with BuildKit (or buildah, if the plan says so), pushes them by
digest, proves each digest with the registry, and only then sets the tag: the
full source commit. Interrupted at any point, the same command goes on where it
was: what the registry proves is not built again.

BuildKit is started for the call, without root where the machine allows it;
$BUILDKIT_HOST names a running one instead.

Outside a TaskRun only a scratch registry on loopback can be written.`,
		Example: `  lane publish --plan plan.json --registry 127.0.0.1:5001 --out published.json
  lane publish --plan plan.json --registry 127.0.0.1:5001 --dry-run`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if planFile == "" {
				return usageError("--plan is needed: the file that lane plan wrote")
			}
			ctx := cmd.Context()
			src, p, err := a.planned(ctx, planFile)
			if err != nil {
				return err
			}
			if err := to.guardRegistry(src.intent); err != nil {
				return err
			}
			if dryRun {
				return a.wouldPublish(ctx, src, &to, p)
			}
			pub, err := a.publish(ctx, src, &to, p)
			if err != nil {
				return err
			}
			data, err := pub.Encode()
			if err != nil {
				return err
			}
			if out != "" {
				if err := src.writeDocument(ctx, out, data); err != nil {
					return err
				}
			}
			if err := left.leave(map[string]string{pipeline.ResultPublished: canon.Digest(data)}); err != nil {
				return err
			}
			return a.emit(pub, func(w io.Writer) { writePublished(w, pub) })
		},
	}
	cmd.Flags().StringVar(&planFile, "plan", "", "the plan `file`")
	cmd.Flags().StringVar(&out, "out", "", "write what was published to this `file`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "ask the registry, but build and push nothing")
	to.registryFlag(cmd)
	left.flag(cmd)
	return cmd
}

// publish builds what p wants and shows how it goes.
func (a *app) publish(ctx context.Context, src *source, to *target, p *plan.Plan) (*publish.Published, error) {
	state, err := a.cachePath("publish")
	if err != nil {
		return nil, err
	}
	components, err := a.components(ctx, src, p, func(s plan.Service) bool { return s.Decision == plan.Build })
	if err != nil {
		return nil, err
	}
	address := to.registryOf(src.intent)
	client := registry.New(src.intent.Registry.Insecure)
	defer client.Close()
	name, _, _ := strings.Cut(p.Builder, " ")
	progress := newProgress(a.stderr)
	defer progress.close()
	publisher := &publish.Publisher{
		Repo: src.repo, Names: src.names, Registry: client, Address: address, State: state, Progress: progress.show,
		Builder: func(ctx context.Context, hasRun bool) (builder.Builder, error) {
			return builder.Start(ctx, name, builder.Options{
				Bin: beside(), Dir: filepath.Join(state, "builder"), Host: os.Getenv("BUILDKIT_HOST"), Registry: client, Plain: []string{address},
			}, hasRun)
		},
	}
	return publisher.Run(ctx, p, components)
}

// components are what the images of some of p's services are made of.
func (a *app) components(ctx context.Context, src *source, p *plan.Plan, wanted func(plan.Service) bool) ([]*plan.Component, error) {
	var services []intent.Service
	for _, s := range src.intent.EnabledServices() {
		if slices.ContainsFunc(p.Services, func(in plan.Service) bool { return in.ID == s.ID && wanted(in) }) {
			services = append(services, s)
		}
	}
	own, err := publish.OwnImage()
	if err != nil {
		return nil, err
	}
	cache, err := a.cachePath("plan.memo")
	if err != nil {
		return nil, err
	}
	loader := plan.Loader{Repo: src.repo, Builder: p.Builder, OwnImage: own, OwnRoots: publish.OwnRoots(), Memo: cache}
	snapshot, err := loader.Snapshot(ctx, p.SourceCommitID)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close()
	return snapshot.Components(ctx, services)
}

// wouldPublish says for each image that p wants whether the registry has its tag.
func (a *app) wouldPublish(ctx context.Context, src *source, to *target, p *plan.Plan) error {
	client := registry.New(src.intent.Registry.Insecure)
	defer client.Close()
	doc := dryPublishDocument{headerOf("PublishDryRun"), []dryPublish{}}
	for _, s := range p.ToBuild() {
		ref := registry.Ref{Registry: to.registryOf(src.intent), Repository: src.names.Repository(s.ID)}
		d, found, err := client.Head(ctx, ref, p.SourceCommitID)
		if err != nil {
			return err
		}
		would := dryPublish{ServiceID: s.ID, Image: ref.Tagged(p.SourceCommitID), Would: "build and push"}
		if found {
			would.Would, would.Digest = "prove what is there, or refuse it", d.Digest
		}
		doc.Services = append(doc.Services, would)
	}
	return a.emit(doc, func(w io.Writer) {
		for _, s := range doc.Services {
			fmt.Fprintf(w, "%s: would %s  %s\n", s.ServiceID, s.Would, s.Image)
		}
		if len(doc.Services) == 0 {
			fmt.Fprintln(w, "nothing to publish")
		}
	})
}

// dryPublishDocument is what `lane publish --dry-run -o json` prints.
type dryPublishDocument struct {
	header
	Services []dryPublish `json:"services"`
}

type dryPublish struct {
	ServiceID string `json:"serviceId"`
	Image     string `json:"image"`
	Would     string `json:"would"`
	Digest    string `json:"digest,omitempty"` // of what the tag means now
}

// beside is the folder of this program: make builds BuildKit next to it.
func beside() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(exe)
}

func writePublished(w io.Writer, pub *publish.Published) {
	if len(pub.Services) == 0 {
		fmt.Fprintln(w, "nothing to publish")
		return
	}
	fmt.Fprintf(w, "published %s %s at %.12s\n", pub.Project, pub.Lane, pub.SourceCommitID)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range pub.Services {
		fmt.Fprintf(tw, "  %s\t%s\n", s.Image.Repository, s.Image.Digest)
	}
	tw.Flush()
}
