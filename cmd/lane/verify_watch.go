package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/verify"
)

// together is how long changes are waited for that come with another.
const together = 300 * time.Millisecond

// watch follows the lane until it is accepted, or until what speaks against it is
// settled: it looks again when something has changed, and at no other time. What it
// saw last is the evidence that it hands on.
func (l *looker) watch(ctx context.Context, use func(context.Context, *source, verify.Evidence) error) error {
	if err := l.check(); err != nil {
		return err
	}
	src, err := l.app.source(ctx, "HEAD", "")
	if err != nil {
		return err
	}
	client, err := l.from.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	n := src.names
	changed := make(chan struct{}, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g, watching := errgroup.WithContext(watching)
	for _, w := range []struct {
		what      schema.GroupVersionResource
		namespace string
		selection kube.Selection
	}{
		{applications, n.ArgoNamespace, kube.Selection{Fields: "metadata.name=" + n.ArgoApplication}},
		{pods, n.RuntimeNamespace, kube.Selection{}},
		{pipelineRuns, n.TektonNamespace, kube.Selection{Labels: pipeline.LabelProject + "=" + n.Project + "," + pipeline.LabelLane + "=" + n.Lane}},
	} {
		g.Go(func() error {
			return client.Watch(watching, w.what, w.namespace, w.selection, func(kube.Change) error {
				select {
				case changed <- struct{}{}:
				default: // one is enough
				}
				return nil
			})
		})
	}
	f := following{changed: changed, quiet: settleWithin, note: l.app.note, look: func(ctx context.Context) (moment, error) {
		e, err := l.evidence(ctx, src, client, nil)
		return moment{e, judged{verify.Judge(e)}, len(verify.StatusOf(e).Running)}, err
	}}
	var last moment
	g.Go(func() (err error) {
		defer stop()
		last, err = f.until(watching)
		return err
	})
	// The watches end because the following has; their error is that alone.
	if err := g.Wait(); err != nil && !f.ended {
		return err
	}
	return use(ctx, src, last.evidence)
}

// following is a lane that is looked at whenever something has changed.
type following struct {
	changed <-chan struct{}
	quiet   time.Duration // without any change, what is under way is taken for stuck
	look    func(context.Context) (moment, error)
	note    func(format string, args ...any)
	ended   bool
}

// moment is what was seen at one time.
type moment struct {
	evidence verify.Evidence
	verdict  judged
	runs     int // PipelineRuns that have not ended
}

// until looks until there is nothing to wait for, and gives what it saw last.
func (f *following) until(ctx context.Context) (moment, error) {
	said := ""
	for patience := time.Duration(0); ; {
		stuck, err := f.wait(ctx, patience)
		if err != nil {
			return moment{}, err
		}
		m, err := f.look(ctx)
		if err != nil {
			return m, err
		}
		if m.runs == 0 && (m.verdict.Accepted || stuck || !m.verdict.underWay()) {
			f.ended = true
			return m, nil
		}
		if text := fmt.Sprintf("%s; PipelineRuns under way: %d", m.verdict.Summary(), m.runs); text != said {
			f.note("%s", text)
			said = text
		}
		// A run has its own time limits.
		if patience = f.quiet; m.runs > 0 {
			patience = 0
		}
	}
}

// wait waits for a change and for those that come with it. With a patience above zero
// it reports whether there was none for so long.
func (f *following) wait(ctx context.Context, patience time.Duration) (stuck bool, err error) {
	var enough <-chan time.Time
	if patience > 0 {
		enough = time.After(patience)
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-enough:
		return true, nil
	case <-f.changed:
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-time.After(together):
	}
	select {
	case <-f.changed: // what comes from now on is news
	default:
	}
	return false, nil
}
