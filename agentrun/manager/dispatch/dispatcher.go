package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/kube"
)

// Config is what a Dispatcher needs. All fields are needed.
type Config struct {
	Store      *store.Store
	Kube       *kube.Client // may create, get, list, watch and delete Jobs and get, list and watch pods in Namespace
	Namespace  string
	Template   func() (*batchv1.Job, error) // the runner's Job as it is now; asked at each dispatch
	ManagerURL string                       // where runners find the manager
	MaxRunning int                          // runs under way at once, of all projects
	Every      time.Duration                // between two passes that nothing called for
	Limits     Limits
	Now        func() time.Time // compared with itself alone; time.Now is monotonic
	Log        *slog.Logger
}

// Dispatcher starts queued runs and watches over their attempts. New makes one.
type Dispatcher struct {
	Config
	wake chan struct{}
	jobs mirror[batchv1.Job]
	pods mirror[corev1.Pod]

	mu      sync.Mutex
	known   map[key]*memory         // open attempts
	orphans map[types.UID]time.Time // Jobs without an open attempt: since when
	deleted map[types.UID]time.Time // Jobs on their way out, which the watch may have yet to tell
	said    map[string]string       // by what was being done, the error that was logged last
}

// memory is what this process knows of an open attempt besides what the store says.
type memory struct {
	attempt store.OpenAttempt // as it was seen last
	state   time.Time         // since when it is in its state
	beat    time.Time         // since when its last sign of life is the last one
	cancel  time.Time         // since when somebody wants its end
	mine    bool              // this process began it
	tries   int               // to make its Job
	next    time.Time         // not before that
	refused time.Time         // since when its Job is refused, without another answer
	pod     *corev1.Pod       // as it was seen last
}

// New makes a Dispatcher.
func New(c Config) *Dispatcher {
	return &Dispatcher{
		Config: c, wake: make(chan struct{}, 1),
		jobs: mirror[batchv1.Job]{gvr: jobs}, pods: mirror[corev1.Pod]{gvr: pods},
		known: map[key]*memory{}, orphans: map[types.UID]time.Time{}, deleted: map[types.UID]time.Time{}, said: map[string]string{},
	}
}

// Wake calls for a pass soon. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches and reconciles until ctx ends. Whatever stands in the way is logged,
// once until it changes, and tried again.
func (d *Dispatcher) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		d.jobs.run(ctx, d.Kube, d.Namespace, d.Wake, func(err error) { d.report(ctx, "watching Jobs", err) })
	})
	watching.Go(func() {
		d.pods.run(ctx, d.Kube, d.Namespace, d.Wake, func(err error) { d.report(ctx, "watching pods", err) })
	})
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	for {
		began := time.Now()
		d.pass(ctx)
		// A pass reads all that is open: with many runs, what they change must not call
		// for one after the other.
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(4*time.Since(began), maxRest)):
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
	}
}

// maxRest is the longest pause after a pass, which is four times as long as it took.
const maxRest = time.Second

// asking is a context for one question to the store. A machine that is gone answers
// nothing, not even that it is gone: without a limit the pass would wait for it.
func (d *Dispatcher) asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.Limits.Answer)
}

// report logs what stands in the way of doing something, or that nothing does any
// more, when that is news.
func (d *Dispatcher) report(ctx context.Context, doing string, err error) {
	if ctx.Err() != nil {
		return // it was cut off: that says nothing
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	d.mu.Lock()
	before := d.said[doing]
	d.said[doing] = text
	d.mu.Unlock()
	switch {
	case text == before:
	case text == "":
		d.Log.Info("it works again", "doing", doing)
	default:
		d.Log.Warn("it will be tried again", "doing", doing, "error", text)
	}
}
