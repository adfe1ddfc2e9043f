package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/lane/publish"
)

// progress shows how a publish goes: on a terminal one line that is drawn again,
// with what every service is doing; elsewhere one line when a service is done.
type progress struct {
	w        io.Writer
	terminal bool
	started  time.Time
	order    []string
	doing    map[string]publish.Step
	drawn    bool
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, terminal: isTerminal(w), started: time.Now(), doing: map[string]publish.Step{}}
}

// show is told each event, one at a time.
func (p *progress) show(e publish.Event) {
	if e.Service == "" {
		p.line("%s for %s", e.Step, e.Detail)
		return
	}
	if _, known := p.doing[e.Service]; !known {
		p.order = append(p.order, e.Service)
	}
	p.doing[e.Service] = e.Step
	switch e.Step {
	case publish.Done, publish.Already, publish.Failed:
		delete(p.doing, e.Service)
		p.line("%s %s %s", e.Service, e.Step, e.Detail)
	}
	p.draw()
}

// line prints something that stays.
func (p *progress) line(format string, args ...any) {
	p.erase()
	fmt.Fprintf(p.w, "%6.1fs  %s\n", time.Since(p.started).Seconds(), strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (p *progress) draw() {
	if !p.terminal {
		return
	}
	p.erase()
	var parts []string
	for _, s := range p.order {
		if step, ok := p.doing[s]; ok {
			parts = append(parts, s+": "+string(step))
		}
	}
	if len(parts) == 0 {
		return
	}
	text := strings.Join(parts, ", ")
	const width = 100
	if len(text) > width {
		text = fmt.Sprintf("%d services: %.*s…", len(parts), width-20, text)
	}
	fmt.Fprint(p.w, text)
	p.drawn = true
}

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) close() { p.erase() }
