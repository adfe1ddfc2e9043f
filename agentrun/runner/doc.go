// Package runner is what runs inside a Job: one attempt at one run.
//
// Run claims the attempt from the manager, which says what is to be done, looks
// whether it can begin, drives Codex through one turn, and reports everything that
// happens as it happens; at the end it stores what is left (the diff of the agent's
// patches, its last message, Codex's own log, the files that are new or changed in the
// workspace) and says how it ended. FillHome is for the init container
// before it: it copies the Codex Secret's files from their read-only projection into
// the writable folder that Codex gets as its home (rule G7).
//
// What holds:
//   - Every event is reported once and in order, whatever the network does: the
//     manager numbers what it stored, and what it did not confirm is sent again. While
//     it does not answer, Codex is held up, and memory stays bounded.
//   - What somebody else reported with the runner's token, which the agent can read, ends
//     the attempt as soon as a count of events differs.
//   - The attempt ends: by the agent, by its deadline, by silence while no command
//     runs, by cancellation, by SIGTERM, by Codex's own end, or because the manager has
//     given it to another. Then Codex is asked to stop, then made to, and nothing that
//     it started is left running.
//   - Credentials that the runner knows of (those of auth.json and of config.toml, its own
//     token) are taken out of everything that it reports (rule C4). Codex gets an
//     environment without any, and an API key's file is removed as soon as Codex has read
//     it. In config.toml a credential is known by the name that it stands under.
//
// The package writes the Codex home and the workspace, talks to the manager alone, and
// reads no environment variable but those that Codex's environment is made of.
package runner

import "github.com/pikasTech/agentrun/internal/fail"

// The exit codes of an attempt. What counts is what the manager was told; they are for
// whoever looks at the Job.
const (
	BadConfig fail.Code = 64  // a folder, credential or configuration cannot work
	Broken    fail.Code = 70  // AgentRun is at fault
	Transient fail.Code = 75  // the same may work later
	TimedOut  fail.Code = 124 // the deadline came first
)

// badConfig is fs as an error with the exit code BadConfig, or nil.
func badConfig(fs fail.Findings) error {
	if len(fs) == 0 {
		return nil
	}
	fs.Sort()
	return &fail.Error{Code: BadConfig, Err: fs}
}
