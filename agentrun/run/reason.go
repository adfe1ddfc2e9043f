package run

// Reason says why an attempt, and with it a run, failed.
type Reason string

// The reasons of the cluster: the agent is not at fault.
const (
	ImagePull     Reason = "image_pull"     // the runner's image did not come
	Unschedulable Reason = "unschedulable"  // no node took the pod in time
	Evicted       Reason = "evicted_or_oom" // the node ended the pod
	RunnerLost    Reason = "runner_lost"    // the runner fell silent, or its pod is gone
)

// The reasons of the agent and of what it talks to.
const (
	ConfigInvalid       Reason = "config_invalid"       // Codex does not take its configuration, or the Job is wrong
	AuthMissing         Reason = "auth_missing"         // Codex has no credential
	AuthRejected        Reason = "auth_rejected"        // the provider does not take the credential
	RateLimited         Reason = "rate_limited"         // the provider limits the use
	ProviderUnavailable Reason = "provider_unavailable" // the provider does not answer as it should
	ContextExceeded     Reason = "context_exceeded"     // the conversation is longer than the model takes
	AgentError          Reason = "agent_error"          // Codex failed for another cause, told in the message
	ApprovalRequired    Reason = "approval_required"    // the policy let nobody approve what the agent needed
	Stalled             Reason = "stalled"              // nothing happened for longer than the profile allows
	AppServerCrashed    Reason = "app_server_crashed"   // Codex ended by itself
	Internal            Reason = "internal"             // AgentRun is at fault
)

// Reasons are all reasons.
var Reasons = [...]Reason{
	ImagePull, Unschedulable, Evicted, RunnerLost, ConfigInvalid, AuthMissing, AuthRejected, RateLimited,
	ProviderUnavailable, ContextExceeded, AgentError, ApprovalRequired, Stalled, AppServerCrashed, Internal,
}

// Transient reports whether the same may succeed when it is tried again.
func (r Reason) Transient() bool {
	switch r {
	case ImagePull, Unschedulable, Evicted, RunnerLost, RateLimited, ProviderUnavailable:
		return true
	}
	return false
}
