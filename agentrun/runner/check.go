package runner

import "github.com/pikasTech/agentrun/internal/fail"

// Check looks whether an attempt could begin: the workspace is writable, and the Codex
// home is writable and holds credentials and a configuration. The error has the exit
// code BadConfig and names every problem; nothing is left behind.
func Check(workspace, codexHome string) error {
	var found fail.Findings
	if err := writable(workspace); err != nil {
		found = append(found, fail.Finding{
			File: workspace, Why: "the workspace is not a writable folder: " + reasonOf(err),
			Hint: "mount a volume there that this user can write",
		})
	}
	if err := writable(codexHome); err != nil {
		found = append(found, fail.Finding{
			Rule: "G7", File: codexHome, Why: "CODEX_HOME is not a writable folder: " + reasonOf(err),
			Hint: "mount an emptyDir there and fill it with `agentrun-runner codex-home`",
		})
	}
	_, missing := readHomeFiles(codexHome, codexHome)
	return badConfig(append(found, missing...))
}
