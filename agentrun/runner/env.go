package runner

import (
	"net/url"
	"strings"
)

// CodexEnv is the environment for Codex: of env what it needs to find programs,
// certificates and the way out, and nothing that could be a credential, because the
// agent's commands can read it.
func CodexEnv(env []string, codexHome, home string) []string {
	out := []string{"CODEX_HOME=" + codexHome, "HOME=" + home, "RUST_LOG=error"}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR":
			out = append(out, kv)
		case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy":
			if u, err := url.Parse(value); err == nil && u.User == nil || strings.EqualFold(name, "no_proxy") {
				out = append(out, kv)
			}
		}
	}
	return out
}
