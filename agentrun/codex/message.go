package codex

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Message is one line of the program: a notification (no ID), a request (Method and
// ID), or the response to a request of ours (ID and no Method).
type Message struct {
	ID     jsontext.Value `json:"id"` // a number or a string, which is echoed as it came
	Method string         `json:"method"`
	Params jsontext.Value `json:"params"`
	Result jsontext.Value `json:"result"`
	Error  *RPCError      `json:"error"`
}

// IsRequest reports whether the program waits for an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && len(m.ID) > 0 }

// IsResponse reports whether m answers a request of ours.
func (m *Message) IsResponse() bool { return m.Method == "" && len(m.ID) > 0 }

// RPCError is the program's refusal of a request.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *RPCError) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// lenient reads what the program wrote: it may say things twice or not in UTF-8,
// and says more than its schema has.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

var errNoMessage = errors.New("it is no message")

// parse reads one line. The message keeps parts of it.
func parse(line []byte) (*Message, error) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return nil, errNoMessage
	}
	var m Message
	if err := json.Unmarshal(line, &m, lenient); err != nil {
		return nil, errNoMessage
	}
	if string(m.ID) == "null" {
		m.ID = nil
	}
	if len(m.ID) > 0 && m.ID.Kind() != '0' && m.ID.Kind() != '"' || m.Method == "" && len(m.ID) == 0 {
		return nil, errNoMessage
	}
	return &m, nil
}

// Decode reads the params of a notification or request.
func (m *Message) Decode(into any) error {
	if len(m.Params) == 0 {
		return fmt.Errorf("%s has no params", m.Method)
	}
	if err := json.Unmarshal(m.Params, into, lenient); err != nil {
		return fmt.Errorf("the params of %s are not as they should be", m.Method)
	}
	return nil
}
