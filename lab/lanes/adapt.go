package lanes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var (
	repository = regexp.MustCompile(`"repository":\s*"[^"]*"`)
	noProxy    = regexp.MustCompile(`("noProxy":\s*\[[^\]]*\])(,\s*"(signers|seccompProfile)":\s*(\[[^\]]*\]|"[^"]*"))*`)
)

// adaptIntent edits three facts of an intent and leaves the rest as it was written.
func adaptIntent(file, url, signer, profile string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !repository.Match(data) || !noProxy.Match(data) {
		return fmt.Errorf("%s has no repository or no noProxy", file)
	}
	data = repository.ReplaceAllLiteral(data, fmt.Appendf(nil, `"repository": %q`, url))
	data = noProxy.ReplaceAll(data, fmt.Appendf(nil, "${1},\n    \"signers\": [%q],\n    \"seccompProfile\": %q", signer, profile))
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
