package codex

import "github.com/go-json-experiment/json/jsontext"

// The notifications that mean something to a runner. Params are the type beside them.
const (
	TurnStarted      = "turn/started"                      // TurnNote
	TurnCompleted    = "turn/completed"                    // TurnNote
	ItemStarted      = "item/started"                      // ItemNote
	ItemCompleted    = "item/completed"                    // ItemNote
	MessageDelta     = "item/agentMessage/delta"           // DeltaNote
	OutputDelta      = "item/commandExecution/outputDelta" // DeltaNote; lossy
	DiffUpdated      = "turn/diff/updated"                 // DiffNote: the whole diff so far
	PlanUpdated      = "turn/plan/updated"                 // PlanNote
	UsageUpdated     = "thread/tokenUsage/updated"         // UsageNote
	ErrorRaised      = "error"                             // ErrorNote
	ConfigWarning    = "configWarning"                     // WarningNote
	Warning          = "warning"                           // WarningNote
	Deprecation      = "deprecationNotice"                 // WarningNote
	ApproveCommand   = "item/commandExecution/requestApproval"
	ApproveChange    = "item/fileChange/requestApproval"
	ApprovePermit    = "item/permissions/requestApproval"
	ApproveCommandV1 = "execCommandApproval"
	ApproveChangeV1  = "applyPatchApproval"
	AskUser          = "item/tool/requestUserInput"
	AskElicitation   = "mcpServer/elicitation/request"
)

// Turn is one turn of a thread.
type Turn struct {
	ID         string     `json:"id"`
	Status     string     `json:"status"` // inProgress, completed, interrupted or failed
	Error      *TurnError `json:"error"`
	DurationMS int64      `json:"durationMs"`
}

// TurnError says why a turn failed. Info is a word, or an object with one member
// that is the word.
type TurnError struct {
	Message string         `json:"message"`
	Info    jsontext.Value `json:"codexErrorInfo"`
	Details string         `json:"additionalDetails"`
}

// TurnNote are the params of TurnStarted and TurnCompleted.
type TurnNote struct {
	ThreadID string `json:"threadId"`
	Turn     Turn   `json:"turn"`
}

// Item is one item of the conversation. Which members it has follows from Type.
type Item struct {
	Type string `json:"type"`
	ID   string `json:"id"`

	Text    string   `json:"text"`    // agentMessage, plan
	Summary []string `json:"summary"` // reasoning
	Content any      `json:"content"` // reasoning: texts; userMessage: parts
	Review  string   `json:"review"`  // exitedReviewMode

	Command  string  `json:"command"` // commandExecution
	Dir      string  `json:"cwd"`
	Status   string  `json:"status"`
	Output   *string `json:"aggregatedOutput"`
	ExitCode *int    `json:"exitCode"`

	Changes []Change `json:"changes"` // fileChange
}

// Change is one file of a fileChange.
type Change struct {
	Path string `json:"path"`
	Kind struct {
		Type string `json:"type"` // add, delete or update
	} `json:"kind"`
	Diff string `json:"diff"`
}

// ItemNote are the params of ItemStarted and ItemCompleted.
type ItemNote struct {
	ThreadID string `json:"threadId"`
	TurnID   string `json:"turnId"`
	Item     Item   `json:"item"`
}

// RawItemNote are the same params, for an item of a type that Item does not know.
type RawItemNote struct {
	Item jsontext.Value `json:"item"`
}

// DeltaNote is a piece of an item's text.
type DeltaNote struct {
	ItemID string `json:"itemId"`
	Delta  string `json:"delta"`
}

// DiffNote are the params of DiffUpdated.
type DiffNote struct {
	Diff string `json:"diff"`
}

// PlanNote are the params of PlanUpdated.
type PlanNote struct {
	Explanation string `json:"explanation"`
	Plan        []struct {
		Step   string `json:"step"`
		Status string `json:"status"` // pending, inProgress or completed
	} `json:"plan"`
}

// UsageNote are the params of UsageUpdated.
type UsageNote struct {
	Usage struct {
		Total Tokens `json:"total"`
	} `json:"tokenUsage"`
}

// Tokens counts tokens.
type Tokens struct {
	Total     int64 `json:"totalTokens"`
	Input     int64 `json:"inputTokens"`
	Cached    int64 `json:"cachedInputTokens"`
	Output    int64 `json:"outputTokens"`
	Reasoning int64 `json:"reasoningOutputTokens"`
}

// ErrorNote are the params of ErrorRaised. An error that is retried ends nothing.
type ErrorNote struct {
	Error     TurnError `json:"error"`
	WillRetry bool      `json:"willRetry"`
}

// WarningNote are the params of the warnings.
type WarningNote struct {
	Message string `json:"message"`
	Summary string `json:"summary"`
	Details string `json:"details"`
}

// ApprovalNote are the params of the approval requests, as far as they say what is
// asked for.
type ApprovalNote struct {
	ItemID  string         `json:"itemId"`
	Reason  string         `json:"reason"`
	Command jsontext.Value `json:"command"` // a text, in the older request a list of them
}
