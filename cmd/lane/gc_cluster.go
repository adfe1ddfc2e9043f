package main

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// here refuses a cluster that is not the lanes' own: that nothing runs in another one
// says nothing of what runs in theirs. A cluster is known by the Pipeline of each lane
// that is not over.
func (g *collector) here(ctx context.Context, c *kube.Client) error {
	lanes, err := g.app.lanes(ctx, g.src, &g.to)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		if l.gitops == "" {
			continue // it was never released: a run ends before it publishes
		}
		over, err := g.over(ctx, l.names)
		if err != nil {
			return err
		}
		if over {
			continue
		}
		if err := hasPipeline(ctx, c, l.names); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether a lane is retired: its branch names no service and is held, so no
// run comes to anything there, and its Pipeline is deleted.
func (g *collector) over(ctx context.Context, n names.Names) (bool, error) {
	b, err := g.app.branchOf(g.src, n, &g.to)
	if err != nil {
		return false, err
	}
	head, err := b.Head(ctx)
	if err != nil {
		return false, err
	}
	hold, err := head.Hold()
	return len(head.Catalog.Services) == 0 && hold != nil && hold.Live(g.now), err
}

func hasPipeline(ctx context.Context, c *kube.Client, n names.Names) error {
	p, err := c.Get(ctx, pipelines, n.TektonNamespace, n.Pipeline)
	switch {
	case kube.IsNotFound(err), kube.IsNoResource(err):
	case err != nil:
		return fmt.Errorf("looking for the Pipeline of lane %s: %w", n.Lane, err)
	default:
		if l := p.GetLabels(); l[pipeline.LabelProject] == n.Project && l[pipeline.LabelLane] == n.Lane {
			return nil
		}
	}
	return &fail.Error{
		Code: fail.Refused, Where: c.Server, Hint: "name the lanes' cluster with --kubeconfig or KUBECONFIG; a lane that is over ends with lane retire " + n.Lane,
		Err: fmt.Errorf("it has no Pipeline %s/%s of lane %s, so who runs there is not known: nothing was deleted", n.TektonNamespace, n.Pipeline, n.Lane),
	}
}

// idle refuses while a run of any of the project's lanes goes on: what it has published
// is in no catalog yet.
func (g *collector) idle(ctx context.Context, c *kube.Client) error {
	n := g.src.names
	active, err := activeRuns(ctx, c, n.TektonNamespace, pipeline.LabelProject+"="+n.Project)
	if err == nil && len(active) > 0 {
		return &fail.Error{Code: fail.Refused, Where: "PipelineRun " + n.TektonNamespace + "/" + active[0], Hint: "wait for it, then run it again", Err: fmt.Errorf("a run goes on, and what it has published is in no catalog yet: nothing was deleted")}
	}
	return err
}
