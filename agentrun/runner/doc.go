// Package runner is what runs inside a Job: one attempt at one run.
//
// It begins with what everything else rests on. ReadJob reads the job
// description, strictly. Preflight then looks at the folders that it names and
// gives every problem at once, so that one look at a failed Job is enough.
// FillHome is for the init container before it: it copies the Codex Secret's
// files from their read-only projection into the writable folder that Codex gets
// as its home (rule G7).
//
// Problems that somebody has to mend in a manifest, a Secret or a job
// description have the exit code BadConfig; doing the same again does not help.
// Errors name files and fields, never what a credential file holds (rule C4).
// The package writes to the two folders that it is given alone, reads no
// environment variable, and starts no program: it drives no agent yet, and does
// not look as if it did.
package runner

import "github.com/pikasTech/agentrun/internal/fail"

// BadConfig is the exit code for a job description, folder or credential that
// cannot work.
const BadConfig fail.Code = 64

// badConfig is fs as an error with the exit code BadConfig, or nil.
func badConfig(fs fail.Findings) error {
	if len(fs) == 0 {
		return nil
	}
	fs.Sort()
	return &fail.Error{Code: BadConfig, Err: fs}
}
