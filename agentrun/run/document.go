package run

import "time"

// The bounds of what a user may ask for.
const (
	MaxPromptBytes     = 256 << 10
	MaxAttempts        = 10
	MaxDeadlineSeconds = 24 * 60 * 60
	MaxLabels          = 16
	MaxArtifactBytes   = 32 << 20 // of one artifact
	MaxArtifacts       = 64       // of one attempt
)

// Request is what a user submits.
type Request struct {
	Prompt      string            `json:"prompt"`                   // any UTF-8 that is not blank, up to MaxPromptBytes
	Profile     string            `json:"profile,omitempty"`        // "" is default
	Labels      map[string]string `json:"labels,omitempty"`         // up to MaxLabels; keys and values as Kubernetes has them
	Priority    int               `json:"priority,omitzero"`        // -100 to 100; the higher goes first
	MaxAttempts int               `json:"maxAttempts,omitzero"`     // 0 is the profile's
	Deadline    int               `json:"deadlineSeconds,omitzero"` // of each attempt; 0 is the profile's
}

// Run is a run as a user sees it.
type Run struct {
	ID              string            `json:"id"` // a UUID of version 7: later runs have greater ids
	Project         string            `json:"project"`
	State           State             `json:"state"`
	Cancelling      bool              `json:"cancelling"`
	Reason          Reason            `json:"reason,omitempty"`  // when failed
	Message         string            `json:"message,omitempty"` // in words
	Prompt          string            `json:"prompt"`
	Profile         string            `json:"profile"`
	Labels          map[string]string `json:"labels"`
	Priority        int               `json:"priority"`
	Attempt         int               `json:"attempt"`
	MaxAttempts     int               `json:"maxAttempts"`
	DeadlineSeconds int               `json:"deadlineSeconds"`
	RetryOf         string            `json:"retryOf,omitempty"` // the run that this one was made from
	CreatedAt       time.Time         `json:"createdAt"`
	StartedAt       *time.Time        `json:"startedAt,omitempty"` // first claim
	FinishedAt      *time.Time        `json:"finishedAt,omitempty"`
	LastSeq         int64             `json:"lastSeq"` // of its events
}

// Result is what came of a run.
type Result struct {
	RunID        string      `json:"runId"`
	State        State       `json:"state"`
	Reason       Reason      `json:"reason,omitempty"`
	Message      string      `json:"message,omitempty"`
	FinalMessage string      `json:"finalMessage"` // the agent's last words
	Usage        UsageData   `json:"usage"`
	Session      SessionData `json:"session"`
	DurationMS   int64       `json:"durationMs"` // of the last attempt
	Artifacts    []Artifact  `json:"artifacts"`
}

// Artifact is a file that an attempt left, such as diff.patch.
type Artifact struct {
	Name      string `json:"name"` // letters, digits, '.', '_' and '-'
	Attempt   int    `json:"attempt"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"` // hex
	MediaType string `json:"mediaType"`
}

// Decision is what the policy answers to an agent that asks.
type Decision string

// The decisions.
const (
	Accept  Decision = "accept"
	Decline Decision = "decline" // the agent goes on without
	Fail    Decision = "fail"    // the run fails with ApprovalRequired
)

// Profile is a way of running: what a user chooses instead of many settings.
type Profile struct {
	Name            string   `json:"name"`
	Model           string   `json:"model,omitempty"`  // "" is the one of Codex's configuration
	Effort          string   `json:"effort,omitempty"` // of reasoning; "" likewise
	ApprovalPolicy  string   `json:"approvalPolicy"`   // never, on-request or untrusted
	Approvals       Decision `json:"approvals"`        // what is answered when the agent asks
	Sandbox         string   `json:"sandbox"`          // danger-full-access, workspace-write or read-only
	DeadlineSeconds int      `json:"deadlineSeconds"`
	StallSeconds    int      `json:"stallSeconds"` // of silence while no command runs
	MaxAttempts     int      `json:"maxAttempts"`
}

// DefaultProfile is the one that a new database has. The pod is the sandbox: it
// is locked down further than Codex's own sandbox could work in.
func DefaultProfile() Profile {
	return Profile{
		Name: "default", ApprovalPolicy: "never", Approvals: Decline, Sandbox: "danger-full-access",
		DeadlineSeconds: 3600, StallSeconds: 300, MaxAttempts: 2,
	}
}
