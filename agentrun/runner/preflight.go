package runner

import (
	"errors"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Preflight reads the job description in file and looks whether the attempt can
// begin: the workspace is writable, and the Codex home is writable and holds
// credentials and a configuration. codexHome is the environment's CODEX_HOME;
// where it is set, it has to agree with the job description. The error has the
// exit code BadConfig and names every problem.
func Preflight(file, codexHome string) (Job, error) {
	job, err := ReadJob(file)
	if err != nil {
		return Job{}, err
	}
	var found fail.Findings
	if codexHome != "" && codexHome != job.CodexHome {
		found = append(found, fail.Finding{
			Rule: "G7", File: file, Pointer: "/codexHome",
			Why:  fmt.Sprintf("is %q while CODEX_HOME is %q", job.CodexHome, codexHome),
			Hint: "let both name the folder that the init container fills",
		})
	}
	if err := writable(job.Workspace); err != nil {
		found = append(found, fail.Finding{
			File: job.Workspace, Why: "the workspace is not a writable folder: " + reasonOf(err),
			Hint: "mount a volume there that this user can write",
		})
	}
	if err := writable(job.CodexHome); err != nil {
		found = append(found, fail.Finding{
			Rule: "G7", File: job.CodexHome, Why: "CODEX_HOME is not a writable folder: " + reasonOf(err),
			Hint: "mount an emptyDir there and fill it with `agentrun-runner codex-home`",
		})
	}
	_, missing := readHomeFiles(job.CodexHome, job.CodexHome)
	if err := badConfig(append(found, missing...)); err != nil {
		return Job{}, err
	}
	return job, nil
}

// Run is one attempt. After a preflight that passes it refuses: there is no
// agent in this build, and an attempt that did nothing must not count as done.
func Run(file, codexHome string) error {
	job, err := Preflight(file, codexHome)
	if err != nil {
		return err
	}
	return &fail.Error{
		Code: fail.Refused, Where: fmt.Sprintf("run %s, attempt %d", job.RunID, job.Attempt),
		Err:  errors.New("everything is in place, but this build drives no agent yet"),
		Hint: "use `agentrun-runner check` to look whether an attempt could begin",
	}
}
