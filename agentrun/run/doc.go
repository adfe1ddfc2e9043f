// Package run is what a run is: its states and what may follow on what, the reasons
// that it can fail for, its events, and the documents that the manager, the runner
// and their clients exchange about it.
//
// A run is what a user asked for. An attempt is one try at it, one Kubernetes Job;
// the attempts of a run are numbered from 1. The history of a run is made by Apply
// alone, one Step at a time:
//
//	queued ──dispatch──▶ starting ──claim──▶ running ──finish──▶ succeeded | failed | cancelled | timed_out
//	   ▲                    │                   │
//	   └──────── lose, while attempts are left ─┘
//
// A terminal state is final: what comes later is refused, so that a runner that was
// given up cannot change what was decided meanwhile. The number of the attempt only
// grows. To run it again after its end, a user makes a new run from it.
//
// The package is pure: it reads no clock, and knows neither Postgres nor Kubernetes.
package run
