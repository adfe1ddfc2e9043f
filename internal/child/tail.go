package child

import (
	"bytes"
	"strings"
	"sync"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Tail keeps the last lines of what a program says, cleaned for a terminal. The
// zero value is ready.
type Tail struct {
	mu    sync.Mutex
	lines []string
	part  []byte // a line that has not ended yet
}

const (
	tailLines = 30
	lineBytes = 1000
)

// Write never fails, so that no program stops because of what it says.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for chunk := range bytes.Lines(p) {
		line, ended := bytes.CutSuffix(chunk, []byte("\n"))
		t.part = append(t.part, line[:min(len(line), lineBytes+1-min(len(t.part), lineBytes+1))]...)
		if ended {
			t.push()
		}
	}
	return len(p), nil
}

func (t *Tail) push() {
	if line := strings.TrimRight(string(t.part), " \r"); line != "" {
		t.lines = append(t.lines, fail.Clean(line, lineBytes))
		t.lines = t.lines[max(0, len(t.lines)-tailLines):]
	}
	t.part = t.part[:0]
}

// Text is the lines, each indented below the error that they follow.
func (t *Tail) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.push()
	var b strings.Builder
	for _, line := range t.lines {
		b.WriteString("\n  | " + line)
	}
	return b.String()
}

// Says reports whether one of the lines contains s.
func (t *Tail) Says(s string) bool { return strings.Contains(t.Text(), s) }
