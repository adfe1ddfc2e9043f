package codex

import (
	"context"
	"time"
)

// Client is who speaks to the program.
type Client struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Version string `json:"version"`
}

// Initialized is the program's answer to the first request.
type Initialized struct {
	UserAgent string `json:"userAgent"` // name/version of codex (system)
	Home      string `json:"codexHome"`
}

// Initialize says hello. A program that does not answer within limit is not going to.
func (s *Session) Initialize(ctx context.Context, c Client, limit time.Duration) (Initialized, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var answer Initialized
	err := s.Call(ctx, "initialize", map[string]any{
		"clientInfo": c,
		"capabilities": map[string]any{
			"experimentalApi": false, "requestAttestation": false,
			"optOutNotificationMethods": []string{"remoteControl/status/changed", "thread/started"},
		},
	}, &answer)
	if err == nil {
		err = s.Notify("initialized")
	}
	return answer, err
}

// Account is what the program signs in with.
type Account struct {
	Account *struct {
		Type string `json:"type"` // apiKey or chatgpt
	} `json:"account"`
	Needed bool `json:"requiresOpenaiAuth"` // whether the provider wants one
}

// Account asks. Codex itself starts without a credential and says nothing of it.
func (s *Session) Account(ctx context.Context) (Account, error) {
	var a Account
	err := s.Call(ctx, "account/read", map[string]any{"refreshToken": false}, &a)
	return a, err
}

// ThreadOptions say how the agent works. Empty members are those of its
// configuration.
type ThreadOptions struct {
	Dir            string `json:"cwd"`
	ApprovalPolicy string `json:"approvalPolicy,omitzero"`
	Sandbox        string `json:"sandbox,omitzero"`
	Model          string `json:"model,omitzero"`
}

// Thread is a conversation that has begun.
type Thread struct {
	Thread struct {
		ID      string `json:"id"`
		Path    string `json:"path"` // of its log
		Version string `json:"cliVersion"`
	} `json:"thread"`
	Model    string `json:"model"`
	Provider string `json:"modelProvider"`
}

// StartThread begins a conversation. A configuration that Codex does not take is
// refused here.
func (s *Session) StartThread(ctx context.Context, o ThreadOptions) (Thread, error) {
	var t Thread
	err := s.Call(ctx, "thread/start", o, &t)
	return t, err
}

// StartTurn gives the agent its task. effort may be "".
func (s *Session) StartTurn(ctx context.Context, thread, prompt, effort string) (Turn, error) {
	var answer struct {
		Turn Turn `json:"turn"`
	}
	err := s.Call(ctx, "turn/start", struct {
		Thread string              `json:"threadId"`
		Input  []map[string]string `json:"input"`
		Effort string              `json:"effort,omitzero"`
	}{thread, []map[string]string{{"type": "text", "text": prompt}}, effort}, &answer)
	return answer.Turn, err
}

// Interrupt asks the agent to stop its turn, without waiting: the turn's completion
// tells. A refusal means that no turn was under way. Commands that it started go on
// until the program ends.
func (s *Session) Interrupt(thread, turn string) error {
	_, err := s.Ask("turn/interrupt", map[string]string{"threadId": thread, "turnId": turn})
	return err
}
