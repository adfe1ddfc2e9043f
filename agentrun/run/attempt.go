package run

import (
	"encoding/json"
	"time"
)

// What a runner and the manager say to each other. A runner authenticates with its
// pod's projected ServiceAccount token, and the manager knows from it which attempt
// it is.

// Assignment is the answer to a claim: what the attempt has to do. Claiming again
// gives the same.
type Assignment struct {
	RunID     string    `json:"runId"`
	Attempt   int       `json:"attempt"`
	Prompt    string    `json:"prompt"`
	Profile   Profile   `json:"profile"`   // with the run's own deadline in it
	Deadline  time.Time `json:"deadline"`  // by the manager's clock; Seconds is what a runner goes by
	Seconds   float64   `json:"seconds"`   // until the deadline
	NextEvent int64     `json:"nextEvent"` // the number that the next event must have, 1 at first
}

// Report is a batch of a runner's events. First is the number of the first one: a
// runner numbers its events from 1. What was stored before is left out, so a batch
// whose answer was lost may be sent again; a gap is refused.
type Report struct {
	First  int64         `json:"first"`
	Events []RunnerEvent `json:"events"` // up to MaxReportEvents
}

// The bounds of a Report.
const (
	MaxReportEvents = 1000
	MaxReportBytes  = 4 << 20
)

// ArtifactTime is how long the bytes of an artifact may take to come to the manager. A
// runner waits longer: who gives up before the manager does sends it all once more, and
// on a slow way never arrives.
const ArtifactTime = 60 * time.Second

// RunnerEvent is an event before the manager gives it its place.
type RunnerEvent struct {
	Time time.Time       `json:"time"`
	Type EventType       `json:"type"`
	Data json.RawMessage `json:"data"`
}

// Receipt answers a Report and a heartbeat.
type Receipt struct {
	NextEvent int64 `json:"nextEvent"`
	Cancel    bool  `json:"cancel"` // somebody asked for the end: stop and finish
}

// Ending is how an attempt ended, as its runner says. The events before it must
// have been reported.
type Ending struct {
	State        State       `json:"state"` // a terminal one
	Reason       Reason      `json:"reason,omitempty"`
	Message      string      `json:"message,omitempty"`
	FinalMessage string      `json:"finalMessage,omitempty"`
	Usage        UsageData   `json:"usage"`
	Session      SessionData `json:"session"`
	DurationMS   int64       `json:"durationMs"`
}

// AttemptState is where an attempt is.
type AttemptState string

// The states of an attempt.
const (
	Pending   AttemptState = "pending"   // decided; its Job may not exist yet
	Scheduled AttemptState = "scheduled" // its Job exists
	Claimed   AttemptState = "claimed"   // its runner has reported
	Ended     AttemptState = "ended"     // its runner said how it ended
	Lost      AttemptState = "lost"      // it ended without
)
