package codextest

import (
	"os"
	"strings"
	"testing"
)

// TestTheImageHasTheSameCodex: what the tests drive is what is released.
func TestTheImageHasTheSameCodex(t *testing.T) {
	lock, err := os.ReadFile("../../../deploy/images/agentrun-runner.lock")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\narchive agent/codex sha256:" + SHA256 + " " + URL + "\n",
		"\ntake agent/codex " + Member + " usr/local/bin/codex\n",
	} {
		if !strings.Contains(string(lock), want) {
			t.Errorf("the lock of the runner's image has no line %q", strings.TrimSpace(want))
		}
	}
}
