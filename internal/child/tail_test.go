package child_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/child"
)

func TestTailKeepsTheLastLines(t *testing.T) {
	var tail child.Tail
	for i := range 100 {
		fmt.Fprintf(&tail, "line %d\n", i)
	}
	fmt.Fprintf(&tail, "%s\nin two ", strings.Repeat("x", 5000))
	fmt.Fprintf(&tail, "\x1b[2Jparts")
	got := strings.Split(strings.TrimPrefix(tail.Text(), "\n"), "\n")
	if len(got) != 30 || got[0] != "  | line 72" || got[29] != "  | in two ?[2Jparts" || len(got[28]) > 1100 {
		t.Errorf("got %d lines: %q", len(got), got)
	}
	if !tail.Says("line 99") || tail.Says("line 1\n") {
		t.Error("Says looks at other lines")
	}
}
