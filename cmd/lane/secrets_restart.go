package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/secrets"
)

// restart replaces the pods that go on with a Secret's old values: by a run that
// promotes what is released with another generation.
type restart struct {
	releaser
	services []string
	next     int // number of the run
}

// restartDocument is what is told of it.
type restartDocument struct {
	Services       []string `json:"services"`
	SourceCommitID string   `json:"sourceCommitId"` // what is released, and stays
	Generation     string   `json:"generation"`
	PipelineRun    string   `json:"pipelineRun"`
}

// prepareRestart finds out whose pods read the Secret, in what is released, and that
// nothing stands in the way of a run. Without any it is nil.
func (w *secretWriter) prepareRestart(ctx context.Context, src *source, c *kube.Client, s *secrets.Secret) (*restart, error) {
	if s.Namespace != src.names.RuntimeNamespace {
		return nil, nil
	}
	branch, err := w.app.branch(src, &target{})
	if err != nil {
		return nil, err
	}
	head, err := branch.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for what is released: %w", err)
	}
	if len(head.Catalog.Services) == 0 {
		return nil, nil
	}
	released, err := w.app.sourceOf(ctx, src, head.Catalog.SourceCommitID)
	if err != nil {
		return nil, err
	}
	r := &restart{releaser: releaser{app: w.app, src: released, kube: c, dryRun: w.dryRun}, services: secrets.Readers(released.intent, s.Name)}
	if slices.Sort(r.services); len(r.services) == 0 {
		return nil, nil
	}
	r.why.Restart = &pipeline.Restart{Services: strings.Join(r.services, ","), Generation: string(catalog.NewGeneration())}
	choice, err := r.choose(ctx)
	if err != nil {
		return nil, err
	}
	if active := choice.Active; active != nil {
		return nil, &fail.Error{
			Code: fail.Refused, Where: "PipelineRun " + active.Namespace + "/" + active.Name,
			Err:  fmt.Errorf("the released commit has a run that goes on"),
			Hint: "wait for it, or end it: lane release --cancel --commit " + released.commit,
		}
	}
	r.next = choice.Next
	return r, nil
}

// begin makes the run.
func (r *restart) begin(ctx context.Context) (*restartDocument, error) {
	_, run, err := r.create(ctx, r.next)
	if err != nil {
		return nil, fmt.Errorf("the Secret has its new values, and pods go on with the old ones; run it again when this is mended: %w", err)
	}
	return &restartDocument{r.services, r.src.commit, r.why.Restart.Generation, run.Name}, nil
}

// generation is what the pods of a run's services get, "" in a release.
func (r *releaser) generation() string {
	if r.why.Restart == nil {
		return ""
	}
	return r.why.Restart.Generation
}
