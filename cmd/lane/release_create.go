package main

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/release"
)

// maxTries bounds how many names are tried when other commits' runs have them.
const maxTries = 10

// create makes the nth run. Its name is the same for everybody who would make it,
// so of two who do at once one attaches to the other's.
func (r *releaser) create(ctx context.Context, nth int) (done string, p *release.Progress, err error) {
	n := r.src.names
	if err := r.ready(ctx); err != nil {
		return "", nil, err
	}
	if nth, err = r.unused(ctx, nth); err != nil {
		return "", nil, err
	}
	for range maxTries {
		run, err := pipeline.Run(r.src.intent, n, r.src.commit, nth, r.why)
		if err != nil {
			return "", nil, err
		}
		made, err := r.kube.Create(ctx, pipelineRuns, run.Unstructured, kube.Write{DryRun: r.dryRun})
		if err == nil {
			p, err := release.Judge(made, nil)
			if r.dryRun {
				return wouldCreate, p, err
			}
			return created, p, err
		}
		if !kube.IsAlreadyExists(err) {
			return "", nil, fmt.Errorf("starting the run: %w", err)
		}
		there, err := r.look(ctx, run.GetName())
		switch {
		case kube.IsNotFound(err): // deleted again
		case err != nil:
			return "", nil, err
		case there.Commit == r.src.commit && there.Rollback == r.backTo() && there.Restart == r.generation():
			return attached, there, nil
		default:
			nth++ // of another commit that begins alike, or for something else
		}
	}
	return "", nil, fail.Fail(n.TektonNamespace, "delete old runs of this commit", "the names of %d runs are taken", maxTries)
}

// unused is nth, or a number above those of runs that were deleted while their pods
// still end: a pod of a new run would have the name of an old one.
func (r *releaser) unused(ctx context.Context, nth int) (int, error) {
	n := r.src.names
	left, err := r.kube.Metadata(ctx, pods, n.TektonNamespace, kube.Selection{Labels: release.Selector(n, r.src.commit)})
	if kube.IsForbidden(err) {
		return nth, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for pods of earlier runs: %w", err)
	}
	for _, pod := range left.Items {
		nth = max(nth, release.Nth(n, r.src.commit, pod.Labels[release.LabelRun])+1)
	}
	return nth, nil
}
