package runner

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/codex"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// answer answers a request of the program. Nobody sits beside it, so everything is
// answered at once: what is not, blocks it for ever. It reports whether the policy is
// that the run fails now.
func (a *attempt) answer(m *codex.Message) (fails bool, err error) {
	var words map[run.Decision]string
	switch m.Method {
	case codex.ApproveCommand, codex.ApproveChange:
		words = map[run.Decision]string{run.Accept: "accept", run.Decline: "decline", run.Fail: "cancel"}
	case codex.ApproveCommandV1, codex.ApproveChangeV1:
		words = map[run.Decision]string{run.Accept: "approved", run.Decline: "denied", run.Fail: "abort"}
	case codex.ApprovePermit, codex.AskUser:
		a.asked(m, run.Decline)
		return a.profile.Approvals == run.Fail, a.session.Refuse(m, codex.MethodNotFound, "nobody is there to answer")
	case codex.AskElicitation:
		a.asked(m, run.Decline)
		return a.profile.Approvals == run.Fail, a.session.Answer(m, struct {
			Action  string `json:"action"`
			Content any    `json:"content"`
		}{"decline", nil})
	default:
		return false, a.session.Refuse(m, codex.MethodNotFound, fmt.Sprintf("%s is not known here", m.Method))
	}
	decision := a.profile.Approvals
	a.asked(m, decision)
	return decision == run.Fail, a.session.Answer(m, map[string]string{"decision": words[decision]})
}

// asked reports the question and its answer.
func (a *attempt) asked(m *codex.Message, decision run.Decision) {
	var n codex.ApprovalNote
	_ = m.Decode(&n) // what cannot be read is asked for without a subject
	a.say.emitText(run.Approval, a.say.redact.text(subjectOf(n)), "", func(text string, _ bool) any {
		return run.ApprovalData{ItemID: n.ItemID, Method: m.Method, Subject: text, Decision: decision}
	})
}

func subjectOf(n codex.ApprovalNote) string {
	var text string
	if json.Unmarshal(n.Command, &text) == nil && text != "" {
		return text
	}
	var parts []string
	if json.Unmarshal(n.Command, &parts) == nil && len(parts) > 0 {
		return strings.Join(parts, " ")
	}
	return n.Reason
}
