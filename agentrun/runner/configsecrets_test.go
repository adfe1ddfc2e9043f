package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	credential "github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// TestC4_ConfigHoldsCredentials: what config.toml has under a name of a credential is not
// shown, whatever notation it stands in; what is none is.
func TestC4_ConfigHoldsCredentials(t *testing.T) {
	secret, dir := credential.Password(), t.TempDir()
	for _, hidden := range []string{
		"[mcp_servers.one.env]\nANYTHING = %q",
		"mcp_servers.one.env.LIST_OF = %q",
		"mcp_servers = { one = { env = { A = %q } } }",
		"[mcp_servers.one.http_headers]\nX-Whatever = %q",
		"[mcp_servers.one]\nhttp_headers = { Authorization = \"Bearer %[2]s\" }",
		"[mcp_servers.one]\nargs = [\"-y\", \"--api-key\", %q]",
		"[mcp_servers.one]\nargs = [\"--token=%[2]s\"]",
		"[mcp_servers.one]\nurl = \"https://user:%[2]s@mcp.example/\"",
		"[model_providers.x]\nexperimental_bearer_token = %q",
		"[model_providers.x.query_params]\nsubscription-key = %q",
		"[otel.exporter.otlp-http.headers]\nx-otlp = %q",
		"[shell_environment_policy]\nset = { A = %q }",
		"[[things]]\nclientSecret = [\"\", %q]",
		"password = '''\n%[2]s'''",
		"[mcp_servers.one.env\nA = %q", // no TOML
		"A = \"%[2]s",
	} {
		config := fmt.Sprintf(strings.ReplaceAll(hidden, "%q", "%[1]q"), secret, secret)
		if got := newRedactor(configSecrets([]byte(config))).text("it is " + secret); got != "it is "+redacted {
			t.Errorf("with\n%s\nit shows %q", hidden, got)
		}
	}
	shown := []string{
		"[model_providers.x]\nenv_key = \"A_NAMED_VARIABLE\"",
		"[mcp_servers.one]\nbearer_token_env_var = \"A_NAMED_VARIABLE\"",
		"[mcp_servers.one.env_http_headers]\nX-Api-Key = \"A_NAMED_VARIABLE\"",
		"model = \"a-model-with-a-name\"\nmodel_max_output_tokens = 1234567890",
		"[mcp_servers.one]\nargs = [\"--verbose\", \"a-model-with-a-name\"]",
		fmt.Sprintf("[mcp_servers.one.env]\nHOME = %q", dir),
		"[mcp_servers.keynote]\ncommand = \"a-model-with-a-name\"",
		"[projects.\"/workspace/token\"]\ntrust_level = \"a-model-with-a-name\"",
		"cli_auth_credentials_store = \"ephemeral\"",
		"",
	}
	for _, config := range shown {
		for _, text := range []string{"A_NAMED_VARIABLE", "a-model-with-a-name", "1234567890", dir, "ephemeral"} {
			if got := newRedactor(configSecrets([]byte(config))).text(text); got != text {
				t.Errorf("with\n%s\nit shows %q as %q", config, text, got)
			}
		}
	}
}

// TestC4_TheCodexHomeIsKnown: both of its files, and the token.
func TestC4_TheCodexHomeIsKnown(t *testing.T) {
	home, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(home, "auth.json"), []byte(auth), 0o600))
	must(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte("[mcp_servers.one.env]\nA = \"from-the-config\"\n"), 0o600))
	got := newRedactor(append(knownSecrets(home, file), knownConfig(home)...)).text("not-a-key-0123456789, " + token + ", from-the-config")
	if diff := cmp.Diff(strings.Join([]string{redacted, redacted, redacted}, ", "), got); diff != "" {
		t.Error(diff)
	}
}

func FuzzConfigSecrets(f *testing.F) {
	f.Add("[mcp_servers.one.env]\nA = 'x'")
	f.Add("a = [[\"--key\", 1], {b = [2021-01-01]}]")
	f.Fuzz(func(t *testing.T, config string) {
		for _, secret := range configSecrets([]byte(config)) {
			if len(secret) > len(config)+4 {
				t.Errorf("%q is longer than %q", secret, config)
			}
		}
	})
}
