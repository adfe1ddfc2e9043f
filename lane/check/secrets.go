package check

import "github.com/pikasTech/agentrun/internal/fail"

// credentials looks for credentials (rule C4).
func (j *judge) credentials(f *file) fail.Findings {
	content := f.text
	switch {
	case content == nil:
		return nil
	case f.binary:
		content = printable(f.data)
	}
	hits := j.secrets.Scan(f.Path, content)
	if f.binary {
		hits = append(hits, j.secrets.Scan(f.Path, der(f.data))...)
	}
	var found fail.Findings
	for _, h := range hits {
		found = append(found, fail.Finding{
			Rule: "C4", File: f.Path, Line: h.Line, Column: h.Column,
			Why:  "what looks like a credential (" + h.Rule + "): " + h.Why,
			Hint: "remove it from git, change it where it is used, and put the new one into a Secret of the cluster; a test makes its fakes at run time",
		})
	}
	return found
}

// der is data if it may be a key in DER, which has no text to be printed.
func der(data []byte) []byte {
	if len(data) > 0 && data[0] == 0x30 {
		return data
	}
	return nil
}
