package run

import (
	"encoding/json"
	"time"
)

// EventType says what an event is about, and so what its Data holds.
type EventType string

// The events that the manager writes itself.
const (
	StateChanged EventType = "run.state" // StateData
)

// The events of a runner. The data types stand beside their names.
const (
	AgentSession     EventType = "agent.session"     // SessionData
	TurnStarted      EventType = "turn.started"      // {}
	TurnCompleted    EventType = "turn.completed"    // TurnData
	MessageDelta     EventType = "message.delta"     // TextData
	Message          EventType = "message"           // TextData
	Reasoning        EventType = "reasoning"         // TextData
	CommandStarted   EventType = "command.started"   // CommandData
	CommandOutput    EventType = "command.output"    // TextData; lossy, CommandCompleted is the authority
	CommandCompleted EventType = "command.completed" // CommandData
	FileChange       EventType = "file.change"       // FileData
	Diff             EventType = "diff"              // TextData: the whole unified diff of the agent's patches so far; what its commands wrote is not in it
	Plan             EventType = "plan"              // TextData
	Usage            EventType = "usage"             // UsageData: totals of the attempt
	Approval         EventType = "approval"          // ApprovalData
	Warning          EventType = "warning"           // TextData
	Error            EventType = "error"             // ErrorData
	ArtifactStored   EventType = "artifact"          // Artifact
	AgentItem        EventType = "agent.item"        // what Codex sent of a kind that has no event of its own
)

// MaxEventBytes bounds the Data of one event, encoded. A runner cuts texts that
// are longer, says so in the data (Truncated), and keeps the whole as an artifact.
const MaxEventBytes = 64 << 10

// Event is one thing that happened in a run. Within a run, Seq counts from 1
// without a gap, in the order that the manager stored the events.
type Event struct {
	Seq     int64           `json:"seq"`
	RunID   string          `json:"runId"`
	Attempt int             `json:"attempt"` // 0 for what belongs to none
	Time    time.Time       `json:"time"`    // the runner's clock, or the manager's for its own
	Type    EventType       `json:"type"`
	Data    json.RawMessage `json:"data"` // an object
}

// StateData is the data of StateChanged.
type StateData struct {
	State      State  `json:"state"`
	Cancelling bool   `json:"cancelling,omitzero"`
	Reason     Reason `json:"reason,omitempty"`
	Message    string `json:"message,omitempty"`
}

// SessionData says what the attempt runs with.
type SessionData struct {
	CodexVersion string `json:"codexVersion"`
	ThreadID     string `json:"threadId"`
	Model        string `json:"model"`
	Provider     string `json:"provider"`
}

// TurnData says how Codex ended its turn.
type TurnData struct {
	Status     string `json:"status"` // completed, interrupted or failed
	DurationMS int64  `json:"durationMs"`
	Error      string `json:"error,omitempty"`
}

// TextData is a text of an item of the conversation.
type TextData struct {
	ItemID    string `json:"itemId,omitempty"`
	Text      string `json:"text"`
	Truncated bool   `json:"truncated,omitzero"`
}

// CommandData is a command that the agent runs.
type CommandData struct {
	ItemID    string `json:"itemId"`
	Command   string `json:"command"`
	Dir       string `json:"dir"`
	Status    string `json:"status"` // inProgress, completed, failed, declined or interrupted
	ExitCode  *int   `json:"exitCode,omitempty"`
	Output    string `json:"output,omitempty"` // stdout and stderr together
	Truncated bool   `json:"truncated,omitzero"`
}

// FileData is files that the agent changed.
type FileData struct {
	ItemID  string       `json:"itemId"`
	Status  string       `json:"status"`
	Changes []PathChange `json:"changes"`
}

// PathChange is one file that the agent changed.
type PathChange struct {
	Path string `json:"path"` // absolute, in the attempt's pod
	Kind string `json:"kind"` // add, delete or update
	Diff string `json:"diff,omitempty"`
}

// UsageData counts tokens.
type UsageData struct {
	InputTokens       int64 `json:"inputTokens"`
	CachedInputTokens int64 `json:"cachedInputTokens"`
	OutputTokens      int64 `json:"outputTokens"`
	ReasoningTokens   int64 `json:"reasoningTokens"`
	TotalTokens       int64 `json:"totalTokens"`
}

// ApprovalData is a question of the agent, and what the policy answered.
type ApprovalData struct {
	ItemID   string   `json:"itemId,omitempty"`
	Method   string   `json:"method"` // of the app-server protocol
	Subject  string   `json:"subject"`
	Decision Decision `json:"decision"`
}

// ErrorData is an error that Codex reported.
type ErrorData struct {
	Message   string `json:"message"`
	Code      string `json:"code,omitempty"` // Codex's own word for it
	WillRetry bool   `json:"willRetry"`
}
