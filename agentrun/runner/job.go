package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// The job description's type.
const (
	APIVersion = "agentrun.dev/v1"
	Kind       = "Job"
)

// The bounds of a job description.
const (
	documentBytes      = 1 << 20 // of the file
	MaxPromptBytes     = 256 << 10
	MaxAttempt         = 100
	MaxDeadlineSeconds = 24 * 60 * 60
)

// Job is the job description: what one attempt is asked to do. Every field is
// required.
type Job struct {
	APIVersion      string `json:"apiVersion"`      // APIVersion
	Kind            string `json:"kind"`            // Kind
	RunID           string `json:"runId"`           // UUID in lower case with hyphens
	Attempt         int    `json:"attempt"`         // 1 to MaxAttempt
	Prompt          string `json:"prompt"`          // not blank, up to MaxPromptBytes of UTF-8
	Workspace       string `json:"workspace"`       // absolute path of the folder that the agent works in
	CodexHome       string `json:"codexHome"`       // absolute path of Codex's own folder, apart from Workspace
	DeadlineSeconds int    `json:"deadlineSeconds"` // 1 to MaxDeadlineSeconds
}

// ReadJob reads and checks the job description in file. Its error has the exit
// code BadConfig and names everything that is wrong.
func ReadJob(file string) (Job, error) {
	data, err := readBounded(file, documentBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Job{}, badConfig(fail.Findings{{
			File: file, Why: "there is no job description", Hint: "mount it there, or name its file with --job",
		}})
	case err != nil:
		return Job{}, badConfig(fail.Findings{{
			File: file, Why: "the job description cannot be read: " + reasonOf(err), Hint: "make it a readable file",
		}})
	}
	return parseJob(file, data)
}

func parseJob(file string, data []byte) (Job, error) {
	var job Job
	err := canon.Unmarshal(file, "", data, &job, canon.Limits{Bytes: documentBytes, Depth: 4})
	if found, ok := errors.AsType[fail.Findings](err); ok {
		return Job{}, badConfig(found)
	}
	if err != nil {
		return Job{}, &fail.Error{Code: BadConfig, Err: err}
	}
	if err := badConfig(job.findings(file, data)); err != nil {
		return Job{}, err
	}
	return job, nil
}

// findings says what is wrong with the values of job, and where in data, the
// document of file that job was decoded from.
func (job Job) findings(file string, data []byte) fail.Findings {
	var found fail.Findings
	need := func(ok bool, field, why, hint string) {
		if ok {
			return
		}
		f := fail.Finding{File: file, Pointer: "/" + field, Why: why, Hint: hint}
		if offset, present := canon.Offset(data, f.Pointer); present {
			f.Line, f.Column = canon.Position(data, offset)
		}
		found = append(found, f)
	}
	need(job.APIVersion == APIVersion, "apiVersion", fmt.Sprintf("is %q", job.APIVersion), "write "+APIVersion)
	need(job.Kind == Kind, "kind", fmt.Sprintf("is %q", job.Kind), "write "+Kind)
	id, err := uuid.Parse(job.RunID)
	need(err == nil && id != uuid.Nil && id.String() == job.RunID, "runId", "is missing or not a UUID", "write the run's id in lower case with hyphens")
	need(job.Attempt >= 1 && job.Attempt <= MaxAttempt, "attempt", fmt.Sprintf("is %d", job.Attempt), fmt.Sprintf("write a number from 1 to %d", MaxAttempt))
	need(strings.TrimSpace(job.Prompt) != "", "prompt", "is missing or blank", "say what the agent is to do")
	need(len(job.Prompt) <= MaxPromptBytes, "prompt", fmt.Sprintf("has %d bytes", len(job.Prompt)), fmt.Sprintf("use at most %d; what is longer belongs into a file of the workspace", MaxPromptBytes))
	need(!strings.ContainsRune(job.Prompt, 0), "prompt", "holds a NUL character", "remove it")
	need(isFolder(job.Workspace), "workspace", fmt.Sprintf("is %q", job.Workspace), "write an absolute path without . and .. that is not /")
	need(isFolder(job.CodexHome), "codexHome", fmt.Sprintf("is %q", job.CodexHome), "write an absolute path without . and .. that is not /")
	// The agent changes and publishes what is in its workspace.
	need(!within(job.Workspace, job.CodexHome) && !within(job.CodexHome, job.Workspace), "codexHome", "lies in the workspace, or the workspace in it", "keep the two apart")
	need(job.DeadlineSeconds >= 1 && job.DeadlineSeconds <= MaxDeadlineSeconds, "deadlineSeconds", fmt.Sprintf("is %d", job.DeadlineSeconds), fmt.Sprintf("write a number from 1 to %d", MaxDeadlineSeconds))
	return found
}

func isFolder(path string) bool {
	return filepath.IsAbs(path) && filepath.Clean(path) == path && path != "/" && !strings.ContainsRune(path, 0)
}

// within reports whether path is base or below it; an empty path is nowhere.
func within(path, base string) bool {
	return path != "" && base != "" && (path == base || strings.HasPrefix(path, base+"/"))
}
