package runner

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// liveHeap is how much the last collection of garbage found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestMemoryIsBounded: neither lines of 60 MiB nor more output than the manager takes
// make the runner large. The listener and the pump each have a line in their hands, and
// decoding one takes a copy or two of it.
func TestMemoryIsBounded(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // look often
	for scenario, prepare := range map[string]func(*manager, *Config){
		"huge_lines": func(*manager, *Config) {},
		"torrent": func(m *manager, c *Config) {
			m.task.Seconds, c.Timing.Farewell, c.Timing.Patience = 1, time.Second, 200*time.Millisecond
			m.trouble = func(path string, _ int) int {
				if path == "events" {
					return 503
				}
				return 0
			}
		},
	} {
		t.Run(scenario, func(t *testing.T) {
			m := newManager(t, "do it")
			m.forget = true
			cfg := fake(t, m, scenario)
			prepare(m, &cfg)
			runtime.GC()
			before, most := liveHeap(), uint64(0)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					most = max(most, liveHeap())
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			ending, _ := Run(t.Context(), cfg)
			close(stop)
			<-stopped
			if want := map[string]run.State{"huge_lines": run.Succeeded, "torrent": run.TimedOut}[scenario]; ending.State != want {
				t.Errorf("it ends as %+v", ending)
			}
			t.Logf("%d MiB, of which %d were there before", most>>20, before>>20)
			if most > before+5*codex.MaxLine {
				t.Errorf("it held %d MiB", (most-before)>>20)
			}
		})
	}
}

// TestNothingIsLeftOfAnAttempt: no goroutine outlives it, however it ends.
func TestNothingIsLeftOfAnAttempt(t *testing.T) {
	for _, scenario := range []string{"hello", "crash_mid_turn", "endless_line", "exit1_before_init", "hang"} {
		m := newManager(t, "do it")
		cfg := fake(t, m, scenario)
		m.task.Seconds = 2
		transport := &http.Transport{}
		cfg.HTTP = &http.Client{Transport: transport}
		before := runtime.NumGoroutine()
		ending, _ := Run(t.Context(), cfg)
		if m.ending == nil || ending.State == "" {
			t.Errorf("%s: it ends as %+v", scenario, ending)
		}
		transport.CloseIdleConnections()
		deadline := time.Now().Add(time.Minute)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%s: there were %d goroutines, now:\n%s", scenario, before, stacks[:runtime.Stack(stacks, true)])
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestAFastModelMakesFewEvents: its hundred thousand pieces are put together.
func TestAFastModelMakesFewEvents(t *testing.T) {
	t.Parallel()
	m := newManager(t, "do it")
	ending, err := Run(t.Context(), fake(t, m, "flood"))
	if err != nil {
		t.Fatalf("it ends as %+v, %v", ending, err)
	}
	if m.said("msg_1") != strings.Repeat("word ", 100_000) {
		t.Errorf("%d bytes arrived", len(m.said("msg_1")))
	}
	if len(m.events) > 10_000 {
		t.Errorf("%d events were reported", len(m.events))
	}
}
