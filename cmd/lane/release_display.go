package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/lane/release"
)

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
