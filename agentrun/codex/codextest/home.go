package codextest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Key is what the agent signs in with at a provider that takes anything.
const Key = "not-a-real-key-0123456789"

// Config is a configuration for a provider at the URL that begins with base, such as
// http://127.0.0.1:1234. It turns off all that would talk to anybody else.
func Config(base string) string {
	return fmt.Sprintf(`model = "told"
model_provider = "local"
approval_policy = "never"
sandbox_mode = "danger-full-access"
web_search = "disabled"
check_for_update_on_startup = false
cli_auth_credentials_store = "file"

[analytics]
enabled = false

[features]
plugins = false
remote_plugin = false
apps = false
goals = false
image_generation = false
shell_snapshot = false
unbounded_connection_retries = false

[agents]
enabled = false

[shell_environment_policy]
inherit = "core"
ignore_default_excludes = false

[model_providers.local]
name = "local"
base_url = "%s/v1"
wire_api = "responses"
requires_openai_auth = true
request_max_retries = 1
stream_max_retries = 1
stream_idle_timeout_ms = 20000
`, base)
}

// Auth is the content of auth.json for Key.
func Auth() string { return fmt.Sprintf(`{"auth_mode":"apikey","OPENAI_API_KEY":%q}`, Key) }

// Home makes a Codex home with Config and Auth.
func Home(t testing.TB, base string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"config.toml": Config(base), "auth.json": Auth()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
