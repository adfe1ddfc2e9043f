package main

import (
	"context"
	"fmt"
	"path"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// once does what `lane publish` does for a commit: finds out what the images are
// made of, builds, pushes and proves.
func once(ctx context.Context, args []string) error {
	if len(args) < 6 {
		return fmt.Errorf("once needs SOURCE REGISTRY STATE HOST COMMIT PACKAGE")
	}
	source, address, state, host, commit, packages := args[0], args[1], args[2], args[3], args[4], args[5:]
	repo, err := git.Open(ctx, source)
	if err != nil {
		return err
	}
	n, err := names.For("bench", "v0.1", names.Cluster{Name: "here", Host: "here", WorktreeRoot: "/root"}, "bench-ci")
	if err != nil {
		return err
	}
	own, err := publish.OwnImage()
	if err != nil {
		return err
	}
	loader := &plan.Loader{Repo: repo, Builder: "buildkit " + builder.BuildKitVersion, OwnImage: own, OwnRoots: publish.OwnRoots(), Memo: state + "-plan.memo"}
	snapshot, err := loader.Snapshot(ctx, commit)
	if err != nil {
		return err
	}
	var services []intent.Service
	for _, dir := range packages {
		services = append(services, intent.Service{ID: path.Base(dir), Enabled: true, Build: intent.Build{Go: dir}})
	}
	components, err := snapshot.Components(ctx, services)
	if err != nil {
		return err
	}
	if err := snapshot.Close(); err != nil {
		return err
	}
	doc := &plan.Plan{Project: "bench", Lane: "v0.1", SourceCommitID: commit, Builder: loader.Builder}
	for _, c := range components {
		doc.Services = append(doc.Services, plan.Service{ID: c.ServiceID, Decision: plan.Build, Identity: c.Identity()})
	}
	client := registry.New(false)
	p := &publish.Publisher{
		Repo: repo, Names: n, Registry: client, Address: address, State: state,
		Builder: func(ctx context.Context, hasRun bool) (builder.Builder, error) {
			return builder.Start(ctx, "buildkit", builder.Options{Bin: "bin", Dir: state, Host: host, Registry: client}, hasRun)
		},
	}
	_, err = p.Run(ctx, doc, components)
	return err
}
