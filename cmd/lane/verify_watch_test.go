package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/lane/verify"
)

// momentOf is a lane with runs under way and one finding.
func momentOf(runs int, rule string, s verify.State) moment {
	v := verify.Verdict{Accepted: s == verify.Matched, Links: []verify.Chain{{Findings: []verify.Finding{{Rule: rule, State: s}}}}}
	switch s {
	case verify.Contradicted:
		v.Contradicted = 1
	case verify.Unknown:
		v.Unknown = 1
	}
	return moment{verdict: judged{v}, runs: runs}
}

// TestWatchEndsWhenThereIsNothingToWaitFor: it looks once after each change, and the
// last look decides.
func TestWatchEndsWhenThereIsNothingToWaitFor(t *testing.T) {
	rollout, wrong, good, blind := momentOf(0, "I8", verify.Contradicted), momentOf(0, "I5", verify.Contradicted), momentOf(0, "I3", verify.Matched), momentOf(0, "I3", verify.Unknown)
	running := momentOf(1, "I3", verify.Matched)
	for name, tt := range map[string]struct {
		sees []moment
		took time.Duration // changes come every 10 s
	}{
		"accepted":                              {[]moment{good}, 10*time.Second + together},
		"a rollout":                             {[]moment{rollout, rollout, good}, 30*time.Second + together},
		"contradicted":                          {[]moment{rollout, wrong}, 20*time.Second + together},
		"an older release is not the end":       {[]moment{running, running, good}, 30*time.Second + together},
		"what cannot be seen":                   {[]moment{blind}, 10*time.Second + together},
		"a rollout that is stuck for 2 minutes": {[]moment{rollout, rollout}, 10*time.Second + together + 2*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				changed := make(chan struct{}, 1)
				changes := len(tt.sees)
				if name == "a rollout that is stuck for 2 minutes" {
					changes = 1
				}
				go func() {
					for range changes {
						time.Sleep(10 * time.Second)
						changed <- struct{}{}
					}
				}()
				looks, start := 0, time.Now()
				f := following{changed: changed, quiet: 2 * time.Minute, note: func(string, ...any) {}, look: func(context.Context) (moment, error) {
					looks++
					return tt.sees[looks-1], nil
				}}
				got, err := f.until(t.Context())
				if err != nil || looks != len(tt.sees) || !f.ended {
					t.Fatalf("%d looks, %v", looks, err)
				}
				if diff := cmp.Diff(tt.sees[looks-1].verdict.Verdict, got.verdict.Verdict); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
			})
		})
	}
}

// TestWatchTellsWhatChangesAndEndsWithItsContext.
func TestWatchTellsWhatChangesAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		changed := make(chan struct{}, 1)
		var said []string
		f := following{changed: changed, quiet: time.Minute, note: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }, look: func(context.Context) (moment, error) {
			return momentOf(2, "I8", verify.Contradicted), nil
		}}
		gone := errors.New("the server went away")
		go func() {
			for range 3 {
				changed <- struct{}{}
				time.Sleep(time.Second)
			}
			cancel(gone)
		}()
		if _, err := f.until(ctx); !errors.Is(err, gone) || f.ended {
			t.Errorf("%v", err)
		}
		if diff := cmp.Diff([]string{"not accepted: 1 contradicted, 0 unknown; PipelineRuns under way: 2"}, said); diff != "" {
			t.Error(diff)
		}
	})
}
