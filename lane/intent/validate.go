package intent

import "github.com/pikasTech/agentrun/internal/fail"

// validation collects what is wrong with one document.
type validation struct {
	file     string
	data     []byte
	findings fail.Findings
}

func (v *validation) intent(in *Intent) {}
