package runner

import (
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// reasonFor says what a turn's error means, by Codex's own word for it. The word
// stands alone or names an object with an HTTP status.
func reasonFor(e *codex.TurnError) (reason run.Reason, word string) {
	if e == nil {
		return run.AgentError, ""
	}
	word, status := infoOf(e)
	switch {
	case status == 401 || status == 403 || word == "unauthorized":
		return run.AuthRejected, word
	case status == 429 || word == "usageLimitExceeded" || word == "sessionBudgetExceeded":
		return run.RateLimited, word
	case word == "contextWindowExceeded":
		return run.ContextExceeded, word
	case status >= 500, word == "internalServerError", word == "serverOverloaded", word == "httpConnectionFailed",
		strings.HasPrefix(word, "responseStream"), word == "responseTooManyFailedAttempts":
		return run.ProviderUnavailable, word
	case strings.HasPrefix(e.Message, "stream disconnected before completion"):
		return run.ProviderUnavailable, word
	case strings.HasPrefix(e.Message, "Missing environment variable"):
		return run.AuthMissing, word
	}
	return run.AgentError, word
}

func infoOf(e *codex.TurnError) (word string, status int) {
	if json.Unmarshal(e.Info, &word) == nil {
		return word, 0
	}
	var object map[string]struct {
		Status *int `json:"httpStatusCode"`
	}
	if json.Unmarshal(e.Info, &object) != nil {
		return "", 0
	}
	for word, about := range object { // one member
		if about.Status != nil {
			return word, *about.Status
		}
		return word, 0
	}
	return "", 0
}
