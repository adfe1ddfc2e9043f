package lanes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// differs is what an intent says otherwise in the lab.
type differs struct {
	host, root      string // where the lanes' work trees are
	repository      string
	signer, profile string
}

var (
	place      = regexp.MustCompile(`"host":\s*"[^"]*",\s*"worktreeRoot":\s*"[^"]*"`)
	repository = regexp.MustCompile(`"repository":\s*"[^"]*"`)
	noProxy    = regexp.MustCompile(`("noProxy":\s*\[[^\]]*\])(,\s*"(signers|seccompProfile)":\s*(\[[^\]]*\]|"[^"]*"))*`)
)

// moveWorktree writes where the work tree is into the page that has every name of a lane.
func moveWorktree(file, from, to string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	moved := bytes.ReplaceAll(data, []byte(from), []byte(to))
	if !bytes.Contains(moved, []byte(to)) {
		return fmt.Errorf("%s does not say that the work tree is %s", file, from)
	}
	return os.WriteFile(file, moved, 0o644)
}

// adaptIntent edits these facts of an intent and leaves the rest as it was written.
func adaptIntent(file string, d differs) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !place.Match(data) || !repository.Match(data) || !noProxy.Match(data) {
		return fmt.Errorf("%s has no host with a worktreeRoot, no repository or no noProxy", file)
	}
	data = place.ReplaceAllLiteral(data, fmt.Appendf(nil, `"host": %q, "worktreeRoot": %q`, d.host, d.root))
	data = repository.ReplaceAllLiteral(data, fmt.Appendf(nil, `"repository": %q`, d.repository))
	data = noProxy.ReplaceAll(data, fmt.Appendf(nil, "${1},\n    \"signers\": [%q],\n    \"seccompProfile\": %q", d.signer, d.profile))
	return os.WriteFile(file, data, 0o644)
}

var toolchain = regexp.MustCompile(`(?m)^image toolchain .*\n`)

// pinToolchain makes an images lock name this toolchain.
func pinToolchain(file, reference string) error {
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	data = append(toolchain.ReplaceAll(data, nil), "image toolchain "+reference+"\n"...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, bytes.TrimLeft(data, "\n"), 0o644)
}
