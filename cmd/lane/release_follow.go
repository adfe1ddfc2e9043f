package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/release"
)

// errEnded ends the watches of a run that has ended.
var errEnded = errors.New("the run has ended")

// watch follows a run until it has ended. What it knew last is returned with any
// error.
func (r *releaser) watch(ctx context.Context, p *release.Progress) (*release.Progress, error) {
	f := &follower{name: p.Name, show: newRunDisplay(r.app.stderr), tasks: map[string]*unstructured.Unstructured{}}
	defer f.show.close()
	g, watching := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.kube.Watch(watching, pipelineRuns, p.Namespace, kube.Selection{Fields: "metadata.name=" + p.Name}, f.run)
	})
	g.Go(func() error {
		return r.kube.Watch(watching, taskRuns, p.Namespace, kube.Selection{Labels: release.LabelRun + "=" + p.Name}, f.task)
	})
	g.Go(func() error {
		r.warn(watching, p.Namespace, f)
		return nil
	})
	err := g.Wait()
	if !errors.Is(err, errEnded) || ctx.Err() != nil {
		if ctx.Err() == nil && !errors.Is(err, errDeleted) {
			r.app.note("the run itself may go on; come back with %s", r.comeBack())
		}
		if errors.Is(err, errDeleted) {
			err = fail.Fail("PipelineRun "+p.Namespace+"/"+p.Name, "see who deleted it, then start another: "+r.comeBack(), "%w", err)
		}
		return f.last, err
	}
	// The tasks are told by another watch, which may be behind.
	last, err := r.look(ctx, p.Name)
	if kube.IsNotFound(err) {
		return f.last, nil
	}
	if err != nil {
		return f.last, err
	}
	f.show.changed(f.last, last)
	return last, nil
}

// follower puts together what the two watches tell.
type follower struct {
	name string
	show *runDisplay

	mu    sync.Mutex
	pr    *unstructured.Unstructured
	known bool // the tasks that there are have been told
	tasks map[string]*unstructured.Unstructured
	last  *release.Progress
}

var errDeleted = errors.New("the run was deleted while it was followed")

// run takes a change of the PipelineRun.
func (f *follower) run(c kube.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case c.Type == kube.Set:
		f.pr = c.Object
		return f.judge()
	case c.Type == kube.Deleted, f.pr == nil: // or not there at all
		return errDeleted
	}
	return nil
}

// task takes a change of one of its TaskRuns.
func (f *follower) task(c kube.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch c.Type {
	case kube.Set:
		f.tasks[c.Object.GetName()] = c.Object
	case kube.Deleted:
		delete(f.tasks, c.Object.GetName())
	case kube.Synced:
		f.known = true
	}
	return f.judge()
}

func (f *follower) judge() error {
	if f.pr == nil || !f.known {
		return nil
	}
	all := make([]*unstructured.Unstructured, 0, len(f.tasks))
	for _, t := range f.tasks {
		all = append(all, t)
	}
	p, err := release.Judge(f.pr, all)
	if err != nil {
		return err
	}
	f.show.changed(f.last, p)
	if f.last = p; p.State.Ended() {
		return errEnded
	}
	return nil
}

// warnEvery is how often pods that do not start are looked at.
const warnEvery = 5 * time.Second

// warn tells why pods do not start: a Secret or an image that is missing stands in
// their events alone. Events that cannot be read are not worth ending for.
func (r *releaser) warn(ctx context.Context, namespace string, f *follower) {
	told := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(warnEvery):
		}
		for _, t := range f.waiting() {
			events, err := r.kube.Events(ctx, namespace, "Pod", t.Pod)
			if err != nil {
				continue
			}
			for _, e := range events {
				if key := e.Name + "\x00" + e.Reason + "\x00" + e.Message; e.Warning && !told[key] {
					told[key] = true
					f.show.tell(f.name, release.Change{Task: t.Name, State: t.State, Pod: t.Pod, Reason: e.Reason, Message: e.Message})
				}
			}
		}
	}
}

// waiting are the tasks whose pods have not started.
func (f *follower) waiting() []release.Task {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []release.Task
	if f.last != nil {
		for _, t := range f.last.Tasks {
			if t.State == release.Waiting && t.Pod != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// runDisplay shows how a run goes: on a terminal a line for each task that has
// ended and one, drawn again, for those that run; elsewhere a JSON line for each
// change.
type runDisplay struct {
	w        io.Writer
	terminal bool
	started  time.Time
	ticker   *time.Ticker
	done     chan struct{}

	mu    sync.Mutex
	now   *release.Progress
	drawn bool
}

func newRunDisplay(w io.Writer) *runDisplay {
	d := &runDisplay{w: w, terminal: isTerminal(w), started: time.Now(), done: make(chan struct{})}
	if d.terminal {
		d.ticker = time.NewTicker(time.Second)
		go func() {
			for {
				select {
				case <-d.done:
					return
				case <-d.ticker.C:
					d.mu.Lock()
					d.draw()
					d.mu.Unlock()
				}
			}
		}()
	}
	return d
}

func (d *runDisplay) close() {
	close(d.done)
	if d.ticker != nil {
		d.ticker.Stop()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
}

// runLine is a change as a line of JSON.
type runLine struct {
	Time time.Time `json:"time"`
	Run  string    `json:"pipelineRun"`
	release.Change
}

func (d *runDisplay) changed(before, after *release.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = after
	for _, c := range release.Changes(before, after) {
		d.say(after.Name, c)
	}
	d.draw()
}

// tell shows one more change.
func (d *runDisplay) tell(run string, c release.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(run, c)
	d.draw()
}

func (d *runDisplay) say(run string, c release.Change) {
	c.Message = safe(c.Message)
	switch {
	case !d.terminal:
		if data, err := json.Marshal(runLine{time.Now().UTC().Truncate(time.Millisecond), run, c}, json.Deterministic(true)); err == nil {
			fmt.Fprintf(d.w, "%s\n", data)
		}
	case c.Task == "" && c.State == release.Running:
		d.line("%s runs", run)
	case c.Task != "" && (c.State.Ended() || c.Message != ""):
		d.line("%-16s %s%s %s", c.Task, c.State, d.took(c.Task), about(c))
	case c.Task == "" && c.Message != "":
		d.line("%s %s %s", run, c.State, about(c))
	}
}

// took is how long an ended task ran.
func (d *runDisplay) took(task string) string {
	for _, t := range d.now.Tasks {
		if t.Name == task && !t.Started.IsZero() && !t.Ended.IsZero() {
			return " after " + t.Ended.Sub(t.Started).String()
		}
	}
	return ""
}

// about is what a person wants to know beside a state.
func about(c release.Change) string {
	if c.State == release.Succeeded {
		return ""
	}
	if c.Message == "" {
		return c.Reason
	}
	return c.Reason + ": " + c.Message
}

func (d *runDisplay) line(format string, args ...any) {
	d.erase()
	fmt.Fprintf(d.w, "%6.1fs  %s\n", time.Since(d.started).Seconds(), strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (d *runDisplay) draw() {
	if !d.terminal || d.now == nil || d.now.State.Ended() {
		return
	}
	d.erase()
	var parts []string
	for _, t := range d.now.Tasks {
		if t.State != release.Running && (t.State != release.Waiting || t.TaskRun == "") {
			continue
		}
		part := t.Name
		if t.Step != "" && t.Step != t.Name {
			part += "/" + t.Step
		}
		if t.State == release.Waiting {
			part += " waits"
		}
		if !t.Started.IsZero() {
			part += fmt.Sprintf(" %.0fs", max(0, time.Since(t.Started).Seconds()))
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = []string{d.now.Name + " " + string(d.now.State)}
	}
	fmt.Fprintf(d.w, "%6.1fs  %.90s", time.Since(d.started).Seconds(), strings.Join(parts, ", "))
	d.drawn = true
}

func (d *runDisplay) erase() {
	if d.drawn {
		fmt.Fprint(d.w, "\r\x1b[K")
		d.drawn = false
	}
}

// How much of a failed step's log is looked at for secrets, and how much is shown.
const (
	scannedLines = 400
	shownLines   = 30
)

// log is the end of a failed step's log. A log with something like a secret in it is
// not shown: where a secret ends cannot be told from its beginning.
func (r *releaser) log(ctx context.Context, namespace string, f release.Failure) []string {
	if f.Pod == "" || f.Container == "" {
		return []string{}
	}
	data, err := r.kube.Log(ctx, namespace, f.Pod, kube.LogOptions{Container: f.Container, Lines: scannedLines})
	if err == nil && len(data) == kube.MaxLogBytes {
		// The limit cuts off the end.
		data, err = r.kube.Log(ctx, namespace, f.Pod, kube.LogOptions{Container: f.Container, Lines: shownLines})
	}
	if err != nil {
		return []string{"(the log cannot be read: " + fail.Clean(err.Error(), 300) + ")"}
	}
	return showable(data)
}

// warnings are the last warnings of the cluster about a pod.
func (r *releaser) warnings(ctx context.Context, namespace, pod string) []string {
	if pod == "" {
		return nil
	}
	events, err := r.kube.Events(ctx, namespace, "Pod", pod)
	if err != nil {
		return []string{"(the pod's events cannot be read: " + fail.Clean(err.Error(), 300) + ")"}
	}
	var lines []string
	for _, e := range events {
		if e.Warning {
			lines = append(lines, e.Reason+": "+safe(e.Message))
		}
	}
	return lines[max(0, len(lines)-shownLines):]
}

func showable(data []byte) []string {
	if hits := secretscan.Default().Scan("log", data); len(hits) > 0 {
		return []string{fmt.Sprintf("(not shown: %s, in line %d of the last %d)", hits[0].Why, hits[0].Line, bytes.Count(data, []byte("\n")))}
	}
	lines := slices.Collect(strings.Lines(string(data)))
	lines = lines[max(0, len(lines)-shownLines):]
	for i, line := range lines {
		lines[i] = fail.Clean(strings.TrimRight(line, "\r\n"), 400)
	}
	return lines
}

// safe is a message of the cluster, unless it looks like a secret.
func safe(message string) string {
	if len(secretscan.Default().Scan("message", []byte(message))) > 0 {
		return "(not shown: it looks like a secret)"
	}
	return message
}

// pointers are a list's items.
func pointers(list *unstructured.UnstructuredList) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out
}
