package runner

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// TestThePodsGraceBoundsTheFarewell: a pod that has to go does not wait for its manager
// until it is killed.
func TestThePodsGraceBoundsTheFarewell(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	ctx, cancel := context.WithCancel(t.Context())
	m.arrived = func(e run.RunnerEvent) {
		if e.Type == run.TurnStarted {
			m.trouble = func(string, int) int { return 503 }
			cancel()
		}
	}
	cfg := fake(t, m, "interrupt_no_item_completed")
	cfg.Timing.Farewell, cfg.Timing.Grace = 24*time.Hour, time.Second
	ending, _ := Run(ctx, cfg)
	if ending.Reason != run.Evicted || !strings.Contains(ending.Message, "the pod's grace was over") {
		t.Errorf("it ends as %+v", ending)
	}
}

// TestThePodsGraceIsLongEnough: lane knows nothing of this package, but gives a Job's pod
// more time than the runner takes.
func TestThePodsGraceIsLongEnough(t *testing.T) {
	golden, err := os.ReadFile("../../lane/render/testdata/deployment.txtar")
	must(t, err)
	_, job, _ := strings.Cut(string(golden), "job.yaml: |")
	found := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(job)
	if found == nil {
		t.Fatal("lane gives a Job's pod no grace")
	}
	seconds, err := strconv.Atoi(found[1])
	must(t, err)
	d := DefaultTiming
	if pod := time.Duration(seconds) * time.Second; pod < d.Grace+5*time.Second {
		t.Errorf("the runner takes %s of the %s that its pod has", d.Grace, pod)
	}
	if stop := 6 * d.Patience; d.Grace < stop+time.Minute {
		t.Errorf("after a stop of up to %s there are only %s left to tell", stop, d.Grace-stop)
	}
}
